//! How one call of an instance tells another that it may go on.
//!
//! Calls are tasks of their own: a waker of one does nothing for another, and a task that waits for nothing of the host's traps. The end of a
//! stream is an event of the host's, also where both ends of it are in one component.

#[cfg(target_family = "wasm")]
use wit_bindgen::{StreamReader, StreamWriter};

#[cfg(target_family = "wasm")]
use crate::bindings::wit_stream;

/// Rings when it is dropped.
#[cfg(target_family = "wasm")]
pub(crate) struct Bell(#[expect(dead_code, reason = "its end is what is told")] StreamWriter<u8>);

#[cfg(target_family = "wasm")]
pub(crate) struct Ear(StreamReader<u8>);

#[cfg(target_family = "wasm")]
pub(crate) fn pair() -> (Bell, Ear) {
    let (writer, reader) = wit_stream::new::<u8>();
    (Bell(writer), Ear(reader))
}

#[cfg(target_family = "wasm")]
impl Ear {
    /// Ends when the bell was rung.
    pub(crate) async fn hear(&mut self) {
        while self.0.next().await.is_some() {}
    }
}

/// Rings when it is dropped. Natively tasks wake each other.
#[cfg(not(target_family = "wasm"))]
pub(crate) struct Bell(#[expect(dead_code, reason = "its end is what is told")] futures::channel::oneshot::Sender<()>);

#[cfg(not(target_family = "wasm"))]
pub(crate) struct Ear(futures::channel::oneshot::Receiver<()>);

#[cfg(not(target_family = "wasm"))]
pub(crate) fn pair() -> (Bell, Ear) {
    let (sender, receiver) = futures::channel::oneshot::channel();
    (Bell(sender), Ear(receiver))
}

#[cfg(not(target_family = "wasm"))]
impl Ear {
    /// Ends when the bell was rung.
    pub(crate) async fn hear(&mut self) {
        let _ = (&mut self.0).await;
    }
}

impl std::fmt::Debug for Bell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bell")
    }
}
