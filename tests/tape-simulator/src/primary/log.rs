//! Log pages: lists of parameters (SPC-4, section 7.3), and the page of TapeAlert, which drives and robots share (SSC-4, section 8.2.3).

use std::collections::BTreeSet;

use crate::fields::{Fields, cut, two};
use crate::sense::{Reply, Sense};

/// Flags of TapeAlert.
const ALERTS: u16 = 64;

#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<u8>);

impl Parameters {
    /// A parameter that is a number of so many bytes.
    pub(crate) fn number(mut self, code: u16, bytes: usize, value: u64) -> Self {
        let all = value.to_be_bytes();
        let short = all.get(8_usize.saturating_sub(bytes)..).unwrap_or_default();
        self.push(code, 0x03, short);
        self
    }

    pub(crate) fn text(mut self, code: u16, value: &[u8]) -> Self {
        self.push(code, 0x01, value);
        self
    }

    fn push(&mut self, code: u16, control: u8, value: &[u8]) {
        self.0.extend_from_slice(&code.to_be_bytes());
        self.0.push(control);
        self.0.extend(u8::try_from(value.len()));
        self.0.extend_from_slice(value);
    }

    pub(crate) fn alerts(raised: &BTreeSet<u16>) -> Self {
        (1..=ALERTS).fold(Self::default(), |page, flag| page.number(flag, 1, u64::from(raised.contains(&flag))))
    }
}

/// LOG SENSE: the page that is asked for; `page` makes it.
pub(crate) fn sense(command: Fields<'_>, pages: &[u8], page: impl Fn(u8) -> Option<Parameters>) -> Reply {
    let (number, allocated) = (command.byte(2) & 0x3f, usize::from(command.two(7)));
    if command.byte(3) != 0 {
        return Err(Sense::INVALID_FIELD.into());
    }
    let body = match number {
        0 => pages.to_vec(),
        _ => page(number).ok_or(Sense::INVALID_FIELD)?.0,
    };
    let mut data = vec![number, 0];
    data.extend_from_slice(&two(body.len()));
    data.extend_from_slice(&body);
    Ok(cut(data, allocated))
}
