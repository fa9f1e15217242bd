mod applied;
mod generated;
mod model;
mod rules;
