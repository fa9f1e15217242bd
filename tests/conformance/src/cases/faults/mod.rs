//! Faults between plugin and server. Whatever goes wrong there: no wrong success, a typed failure that says whose fault it is, and the
//! same call again is a success once the fault is gone.

mod endured;
mod http;
mod lost;
mod lost_drives;
mod lost_files;
mod lost_objects;
mod lost_uploads;
mod operation;
mod silent;
mod wire;

use crate::case::Case;

pub fn all() -> Vec<Case> {
    [http::all(), wire::all(), silent::all(), lost_objects::all(), lost_uploads::all(), lost_files::all(), lost_drives::all()]
        .into_iter()
        .flatten()
        .collect()
}
