//! From REST to real servers, as users go it. One program: linking is what takes its time.

mod azure;
mod bad_input;
mod busy;
mod checksums;
mod cold;
mod every_target;
mod examples;
mod filters;
mod first_cargo;
mod full_disk;
mod hostile;
mod interrupted;
mod names;
mod nas;
mod signatures;
mod swap;
mod tls;
mod vanishing;
