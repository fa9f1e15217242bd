//! Lines for the plugin's log: `log!(warn, "asked again", "code" => code)`. The host adds who, where and when.

pub use crate::bindings::capstan::host::log::Level;

#[doc(hidden)]
pub fn write(level: Level, message: &str, fields: Vec<(String, String)>) {
    // Native tests have no host to write to.
    #[cfg(target_family = "wasm")]
    crate::bindings::capstan::host::log::write(level, message, &fields);
    #[cfg(not(target_family = "wasm"))]
    let _ = (level, message, fields);
}

#[macro_export]
macro_rules! log {
    (@level trace) => { $crate::log::Level::Trace };
    (@level debug) => { $crate::log::Level::Debug };
    (@level info) => { $crate::log::Level::Info };
    (@level warn) => { $crate::log::Level::Warn };
    (@level error) => { $crate::log::Level::Error };
    ($level:ident, $message:expr $(, $name:literal => $value:expr)* $(,)?) => {
        $crate::log::write($crate::log!(@level $level), &$message, ::std::vec![$(($name.to_string(), $value.to_string())),*])
    };
}
