//! What carries commands to a library, over one that is made up.

mod control;
mod fake;
mod initiator;
mod iscsi;
mod iscsi_faults;
mod shim;
