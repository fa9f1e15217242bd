//! How one call of an instance tells another that it may go on.
//!
//! Calls are tasks of their own: a waker of one does nothing for another, and a task that waits for nothing of the host's traps. The end of a
//! stream is an event of the host's, also where both ends of it are in one component.

pub(crate) use ends::{Bell, Ear, pair};

#[cfg(target_family = "wasm")]
mod ends {
    use wit_bindgen::{StreamReader, StreamWriter};

    use crate::bindings::wit_stream;

    /// Rings when it is dropped.
    pub(crate) struct Bell(#[expect(dead_code, reason = "its end is what is told")] StreamWriter<u8>);

    pub(crate) struct Ear(StreamReader<u8>);

    pub(crate) fn pair() -> (Bell, Ear) {
        let (writer, reader) = wit_stream::new::<u8>();
        (Bell(writer), Ear(reader))
    }

    impl Ear {
        /// Ends when the bell was rung.
        pub(crate) async fn hear(&mut self) {
            while self.0.next().await.is_some() {}
        }
    }
}

/// The same of native tasks, which wake each other.
#[cfg(not(target_family = "wasm"))]
mod ends {
    use futures::channel::oneshot;

    pub(crate) struct Bell(#[expect(dead_code, reason = "its end is what is told")] oneshot::Sender<()>);

    pub(crate) struct Ear(oneshot::Receiver<()>);

    pub(crate) fn pair() -> (Bell, Ear) {
        let (sender, receiver) = oneshot::channel();
        (Bell(sender), Ear(receiver))
    }

    impl Ear {
        pub(crate) async fn hear(&mut self) {
            let _ = (&mut self.0).await;
        }
    }
}

impl std::fmt::Debug for Bell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bell")
    }
}
