//! A plugin's function, as a type: where it stands, what goes in, what comes out.
//!
//! `bindgen!` can bind whole exported interfaces, but then looks up and type-checks every function of an interface for every
//! instance, which costs more than the call when each transfer has a store of its own. With one type a function the runtime
//! looks up exactly the one it calls; the load gate checks all of them once.

use wasmtime::component::{ComponentNamedList, Lift, Lower};

/// One function of an exported interface.
pub trait Function: 'static {
    /// With the contract's version: "capstan:target/objects@0.1.0".
    const INTERFACE: &'static str;
    const NAME: &'static str;
    type Parameters: ComponentNamedList + Lower + Send + Sync + 'static;
    type Answer: Lift + Send + Sync + 'static;
}

/// Declares the functions of one interface.
macro_rules! functions {
    ($interface:literal { $($(#[$doc:meta])* $name:ident = $text:literal ($($parameter:ty),* $(,)?) -> $answer:ty;)* }) => {
        pub const INTERFACE: &str = $interface;

        $($(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl $crate::function::Function for $name {
            const INTERFACE: &'static str = INTERFACE;
            const NAME: &'static str = $text;
            type Parameters = ($($parameter,)*);
            type Answer = $answer;
        })*

        /// Calls the visitor with each function in turn: the gate's way to check them all.
        pub fn each(visitor: &mut impl $crate::function::Visitor) {
            $(visitor.visit::<$name>();)*
        }
    };
}
pub(crate) use functions;

/// Sees every function of an interface, with its types.
pub trait Visitor {
    fn visit<F: Function>(&mut self);
}
