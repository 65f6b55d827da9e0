//! What an address is for, by the registries of special-purpose addresses (RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Somewhere on the public network.
    Public,
    /// This machine.
    Loopback,
    /// A place that is not public, in words.
    Inside(&'static str),
}

const PRIVATE: Place = Place::Inside("a private network");
const LINK_LOCAL: Place = Place::Inside("the local link, where clouds keep their metadata");
const METADATA: Place = Place::Inside("the metadata of a cloud");
const MULTICAST: Place = Place::Inside("a group of machines");
const RESERVED: Place = Place::Inside("reserved");
const UNSPECIFIED: Place = Place::Inside("no address");
const WRAPPED: Place = Place::Inside("an IPv4 address wrapped in an IPv6 one");

/// Ranges of IPv4 that are not public: the first address, the bits they share, and where they lead.
const V4: &[([u8; 4], u8, Place)] = &[
    ([0, 0, 0, 0], 8, UNSPECIFIED),
    ([10, 0, 0, 0], 8, PRIVATE),
    ([100, 64, 0, 0], 10, Place::Inside("a network shared behind one provider")),
    ([127, 0, 0, 0], 8, Place::Loopback),
    // Azure answers its machines at this address, which is public by number only.
    ([168, 63, 129, 16], 32, METADATA),
    ([169, 254, 0, 0], 16, LINK_LOCAL),
    ([172, 16, 0, 0], 12, PRIVATE),
    ([192, 0, 0, 0], 24, RESERVED),
    ([192, 0, 2, 0], 24, RESERVED),
    ([192, 88, 99, 0], 24, RESERVED),
    ([192, 168, 0, 0], 16, PRIVATE),
    ([198, 18, 0, 0], 15, RESERVED),
    ([198, 51, 100, 0], 24, RESERVED),
    ([203, 0, 113, 0], 24, RESERVED),
    ([224, 0, 0, 0], 4, MULTICAST),
    ([240, 0, 0, 0], 4, RESERVED),
];

/// Of IPv6 only `2000::/3` is public; these ranges of it are not, and those before them have a word of their own.
const V6: &[([u16; 8], u8, Place)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, UNSPECIFIED),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Place::Loopback),
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, WRAPPED),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, WRAPPED),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, WRAPPED),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, PRIVATE),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, PRIVATE),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, LINK_LOCAL),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, MULTICAST),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, RESERVED),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, RESERVED),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, WRAPPED),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, RESERVED),
];

/// Where `address` leads.
pub(crate) fn place(address: IpAddr) -> Place {
    match address {
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => place_v6(address),
    }
}

fn place_v4(address: Ipv4Addr) -> Place {
    let fits = |(first, bits, _): &&([u8; 4], u8, Place)| within(address.into(), Ipv4Addr::from(*first).into(), *bits);
    V4.iter().find(fits).map_or(Place::Public, |(_, _, place)| *place)
}

fn place_v6(address: Ipv6Addr) -> Place {
    // Networks without IPv4 reach all of it through this prefix (RFC 6052), so what counts is whom it leads to.
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
        return place_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    }
    let fits = |(first, bits, _): &&([u16; 8], u8, Place)| within(address.into(), Ipv6Addr::from(*first).into(), *bits);
    let known = V6.iter().find(fits).map(|(_, _, place)| *place);
    let public = within(address.into(), Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).into(), 3);
    known.unwrap_or(if public { Place::Public } else { RESERVED })
}

/// Whether two addresses of one family share their first `bits`.
pub(crate) fn within(address: IpAddr, first: IpAddr, bits: u8) -> bool {
    let shifted = |value: u128, width: u8| value.checked_shr(u32::from(width.saturating_sub(bits))).unwrap_or(0);
    match (address, first) {
        (IpAddr::V4(a), IpAddr::V4(b)) => shifted(u32::from(a).into(), 32) == shifted(u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => shifted(a.into(), 128) == shifted(b.into(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(texts: &[&str]) -> Vec<Place> {
        texts.iter().map(|text| place(text.parse().unwrap_or_else(|_| panic!("{text}")))).collect()
    }

    #[test]
    fn what_is_public_is_public() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00::1",
            "64:ff9b::808:808",
        ];
        for (text, place) in public.iter().zip(places(&public)) {
            assert_eq!(place, Place::Public, "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_each_of_its_addresses() {
        let loopback = ["127.0.0.1", "127.0.0.53", "127.255.255.255", "::1", "64:ff9b::127.0.0.1"];
        for (text, place) in loopback.iter().zip(places(&loopback)) {
            assert_eq!(place, Place::Loopback, "{text}");
        }
    }

    #[test]
    fn every_other_kind_of_address_is_inside() {
        let inside: &[(&[&str], Place)] = &[
            (&["0.0.0.0", "0.1.2.3", "::"], UNSPECIFIED),
            (
                &["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "64:ff9b::10.0.0.1"],
                PRIVATE,
            ),
            (&["fc00::1", "fd00:ec2::254", "fec0::1"], PRIVATE),
            (&["169.254.169.254", "169.254.0.1", "fe80::1", "febf::1", "64:ff9b::a9fe:a9fe"], LINK_LOCAL),
            (&["168.63.129.16"], METADATA),
            (&["224.0.0.1", "239.255.255.255", "ff02::1"], MULTICAST),
            (&["192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1"], RESERVED),
            (&["203.0.113.1", "240.0.0.1", "255.255.255.255"], RESERVED),
            (&["100::1", "2001::1", "2001:db8::1", "3fff::1", "4000::1", "5f00::1", "8000::1"], RESERVED),
            (&["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "2002:7f00:1::", "64:ff9b:1::1"], WRAPPED),
        ];
        for (texts, expected) in inside {
            for (text, place) in texts.iter().zip(places(texts)) {
                assert_eq!(place, *expected, "{text}");
            }
        }
        assert!(matches!(places(&["100.64.0.1", "100.100.100.200"])[..], [Place::Inside(_), Place::Inside(_)]));
    }

    #[test]
    fn ranges_hold_what_they_say() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(within(ip("10.1.2.3"), ip("10.1.0.0"), 16) && !within(ip("10.2.2.3"), ip("10.1.0.0"), 16));
        assert!(within(ip("1.2.3.4"), ip("9.9.9.9"), 0) && !within(ip("1.2.3.4"), ip("::"), 0));
        assert!(within(ip("fd00::1"), ip("fd00::"), 8) && within(ip("::1"), ip("8000::"), 0));
    }
}
