//! Hears of crashes and has them judged, one after the other, off the path of any call.

use std::sync::Weak;

use tokio::sync::mpsc;

use crate::machine::Alarm;
use crate::runtime::Runtime;

pub(crate) async fn watch(runtime: Weak<Runtime>, mut alarms: mpsc::Receiver<Alarm>) {
    while let Some(alarm) = alarms.recv().await {
        let Some(runtime) = runtime.upgrade() else { return };
        runtime.judge(alarm).await;
    }
}
