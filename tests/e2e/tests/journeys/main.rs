//! From REST to real servers, as users go it. One program: linking is what takes its time.

mod away;
mod azure;
mod bad_input;
mod busy;
mod checksums;
mod clocks;
mod cloud_mount;
mod cold;
mod every_target;
mod examples;
mod filters;
mod first_cargo;
mod full_disk;
mod host_death;
mod hostile;
mod interrupted;
mod mount_table;
mod names;
mod nas;
mod quota;
mod signatures;
mod swap;
mod swift;
mod switched_off;
mod tls;
mod vanishing;
