//! What an address is, whichever way it is written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What stands behind an address, as far as its number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    Public,
    Loopback,
    /// RFC 1918, RFC 6598, unique local.
    Private,
    LinkLocal,
    /// Where clouds hand out credentials to whoever asks.
    Metadata,
    /// "This host" (0.0.0.0/8, ::), which connects to loopback on many systems.
    Unspecified,
    /// Multicast, broadcast and reserved numbers: nothing that serves storage.
    Unusable,
}

/// Metadata services that do not stand in a link-local range, or need a name of their own in a denial.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254), Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)];

/// The same address without disguise: v4-mapped and v4-compatible, NAT64 and 6to4 forms become the v4 address they lead to.
pub(crate) fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if v6.is_loopback() || v6.is_unspecified() {
        return address;
    }
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let tail = Ipv4Addr::from((u32::from(g) << 16) | u32::from(h));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff | 0) | (0, 0, 0, 0, 0xffff, 0) | (0x0064, 0xff9b, 0, 0, 0, 0) => IpAddr::V4(tail),
        (0x2002, high, low, ..) => IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        _ => address,
    }
}

/// Classes an address, seen through its disguises.
pub fn classify(address: IpAddr) -> AddressClass {
    match plain(address) {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    let [a, b, ..] = address.octets();
    if METADATA_V4.contains(&address) {
        AddressClass::Metadata
    } else if a == 0 {
        AddressClass::Unspecified
    } else if address.is_loopback() {
        AddressClass::Loopback
    } else if address.is_link_local() {
        AddressClass::LinkLocal
    } else if address.is_private() || (a == 100 && (b & 0xc0) == 64) {
        AddressClass::Private
    } else if a >= 224 {
        AddressClass::Unusable
    } else {
        AddressClass::Public
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    let [a, b, ..] = address.segments();
    if METADATA_V6.contains(&address) {
        AddressClass::Metadata
    } else if address.is_unspecified() {
        AddressClass::Unspecified
    } else if address.is_loopback() {
        AddressClass::Loopback
    } else if (a & 0xffc0) == 0xfe80 {
        AddressClass::LinkLocal
    } else if (a & 0xfe00) == 0xfc00 || (a & 0xffc0) == 0xfec0 || (a == 0x0064 && b == 0xff9b) {
        // The last is local-use NAT64 (RFC 8215): what it leads to is the network's own affair.
        AddressClass::Private
    } else if address.is_multicast() {
        AddressClass::Unusable
    } else {
        AddressClass::Public
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> AddressClass {
        classify(text.parse().unwrap())
    }

    #[test]
    fn every_range_has_its_class() {
        for (text, expected) in [
            ("8.8.8.8", AddressClass::Public),
            ("2606:4700::1", AddressClass::Public),
            ("127.0.0.1", AddressClass::Loopback),
            ("127.255.255.254", AddressClass::Loopback),
            ("::1", AddressClass::Loopback),
            ("10.0.0.1", AddressClass::Private),
            ("172.16.0.1", AddressClass::Private),
            ("172.31.255.255", AddressClass::Private),
            ("172.32.0.1", AddressClass::Public),
            ("192.168.1.1", AddressClass::Private),
            ("100.64.0.1", AddressClass::Private),
            ("100.128.0.1", AddressClass::Public),
            ("fd12::1", AddressClass::Private),
            ("169.254.1.1", AddressClass::LinkLocal),
            ("fe80::1", AddressClass::LinkLocal),
            ("169.254.169.254", AddressClass::Metadata),
            ("100.100.100.200", AddressClass::Metadata),
            ("fd00:ec2::254", AddressClass::Metadata),
            ("0.0.0.0", AddressClass::Unspecified),
            ("0.1.2.3", AddressClass::Unspecified),
            ("::", AddressClass::Unspecified),
            ("224.0.0.1", AddressClass::Unusable),
            ("255.255.255.255", AddressClass::Unusable),
            ("ff02::1", AddressClass::Unusable),
        ] {
            assert_eq!(class(text), expected, "{text}");
        }
    }

    #[test]
    fn a_v4_address_inside_v6_is_seen_through() {
        for inner in ["127.0.0.1", "169.254.169.254", "10.1.2.3", "0.0.0.0", "224.0.0.1", "8.8.8.8"] {
            let v4: Ipv4Addr = inner.parse().unwrap();
            let [a, b, c, d] = v4.octets().map(u16::from);
            let (high, low) = ((a << 8) | b, (c << 8) | d);
            let expected = class(inner);
            for v6 in [
                format!("::ffff:{inner}"),
                format!("::ffff:{high:x}:{low:x}"),
                format!("::ffff:0:{high:x}:{low:x}"),
                format!("64:ff9b::{high:x}:{low:x}"),
                format!("2002:{high:x}:{low:x}::1"),
            ] {
                assert_eq!(class(&v6), expected, "{v6}");
            }
        }
        assert_eq!(class("::7f00:1"), AddressClass::Loopback);
    }
}
