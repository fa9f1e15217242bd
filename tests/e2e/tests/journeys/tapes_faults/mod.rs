//! What goes wrong at a tape library, one thing a test: its task says which library, drive and cartridge it was and what to do, no other cartridge
//! has anything of it, what is said to be stored can be read, and once it is mended the task is done.

mod cartridges;
mod library;
mod power;
mod scene;
