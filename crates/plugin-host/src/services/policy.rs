//! Where plugins may call: public addresses, and what the settings grant by name, address or network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

/// The settings' `[http] allow`, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    hosts: Vec<(Host<String>, Option<u16>)>,
    networks: Vec<Network>,
}

#[derive(Clone, Copy, Debug)]
struct Network {
    address: IpAddr,
    bits: u8,
}

/// What may be done with one host and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Granted by name: whatever address it has.
    Granted,
    /// A name; its addresses are looked at when it is resolved.
    Resolve,
    Denied,
}

impl Policy {
    pub(crate) fn parse(allow: &[String]) -> Result<Self, String> {
        let mut policy = Self::default();
        for entry in allow {
            let wrong = || {
                format!("`{entry}` in [http] allow is neither host, host:port nor a network like 10.0.0.0/8")
            };
            if let Some((address, bits)) = entry.split_once('/') {
                let address: IpAddr = address.parse().map_err(|_| wrong())?;
                let most = if address.is_ipv4() { 32 } else { 128 };
                let bits = bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(wrong)?;
                policy.networks.push(Network { address, bits });
            } else {
                policy.hosts.push(parse_host(entry).ok_or_else(wrong)?);
            }
        }
        Ok(policy)
    }

    pub(crate) fn judge(&self, host: &Host<&str>, port: u16) -> Verdict {
        let host = host.to_owned();
        let named = |(known, at): &(Host<String>, Option<u16>)| {
            same_host(known, &host) && at.is_none_or(|granted| granted == port)
        };
        if self.hosts.iter().any(named) {
            return Verdict::Granted;
        }
        let address = match host {
            Host::Domain(_) => return Verdict::Resolve,
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        if self.allows(address) { Verdict::Granted } else { Verdict::Denied }
    }

    /// Whether a connection to this address may be made for a name that is not granted itself.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.networks.iter().any(|network| network.contains(address))
    }
}

fn parse_host(entry: &str) -> Option<(Host<String>, Option<u16>)> {
    if let Ok(address) = entry.parse::<Ipv6Addr>() {
        return Some((Host::Ipv6(address), None));
    }
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') => (host, Some(port.parse().ok()?)),
        _ => (entry, None),
    };
    Some((Host::parse(host).ok()?, port))
}

fn same_host(granted: &Host<String>, asked: &Host<String>) -> bool {
    match (granted, asked) {
        // A closing dot only says that the name is complete.
        (Host::Domain(granted), Host::Domain(asked)) => {
            granted.trim_end_matches('.').eq_ignore_ascii_case(asked.trim_end_matches('.'))
        }
        (granted, asked) => granted == asked,
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let same = |ours: u128, theirs: u128, width: u8| {
            let drop = width - self.bits;
            u32::from(drop) >= u128::BITS || ours >> drop == theirs >> drop
        };
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                same(ours.to_bits().into(), theirs.to_bits().into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => same(ours.to_bits(), theirs.to_bits(), 128),
            _ => false,
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |network: [u8; 4], bits: u8| {
        Network { address: IpAddr::V4(network.into()), bits }.contains(IpAddr::V4(address))
    };
    // Ourselves, private, carrier's, link-local, protocol assignments, examples, relays, benchmarks, multicast, the rest.
    ![
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 3),
    ]
    .into_iter()
    .any(|(network, bits)| within(network, bits))
}

/// Global unicast without what carries an IPv4 address inside (6to4, Teredo) or is an example. That leaves out
/// loopback, ULA, link-local, multicast, NAT64 and everything unassigned.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global = first & 0xe000 == 0x2000;
    let special =
        first == 0x2002 || (first == 0x2001 && (second < 0x0200 || second == 0x0db8)) || first == 0x3fff;
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str]) -> Policy {
        Policy::parse(&allow.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn judge(policy: &Policy, url: &str) -> Verdict {
        let url = url::Url::parse(url).unwrap();
        policy.judge(&url.host().unwrap(), url.port_or_known_default().unwrap())
    }

    #[test]
    fn without_a_grant_only_public_addresses_may_be_called() {
        let policy = policy(&[]);
        for address in [
            "0.0.0.0",
            "127.0.0.1",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.31.0.1",
            "192.168.1.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "::127.0.0.1",
        ] {
            assert!(!policy.allows(address.parse().unwrap()), "{address}");
        }
        for address in
            ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"]
        {
            assert!(policy.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_is_known_however_it_is_written() {
        let policy = policy(&[]);
        for url in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://[::ffff:7f00:1]/",
            "http://017700000001/",
        ] {
            assert_eq!(judge(&policy, url), Verdict::Denied, "{url}");
        }
        assert_eq!(
            judge(&policy, "http://localhost/"),
            Verdict::Resolve,
            "names are judged by their addresses"
        );
    }

    #[test]
    fn a_grant_holds_for_its_host_and_port_alone() {
        let policy =
            policy(&["127.0.0.1:8443", "crm.internal:443", "wiki.internal", "10.0.0.0/8", "[::1]:9000"]);
        assert_eq!(judge(&policy, "http://127.0.0.1:8443/"), Verdict::Granted);
        assert_eq!(judge(&policy, "http://127.0.0.1:8444/"), Verdict::Denied);
        assert_eq!(judge(&policy, "https://CRM.internal./"), Verdict::Granted);
        assert_eq!(judge(&policy, "http://crm.internal/"), Verdict::Resolve);
        assert_eq!(judge(&policy, "http://wiki.internal:81/"), Verdict::Granted);
        assert_eq!(judge(&policy, "http://10.200.0.1/"), Verdict::Granted);
        assert_eq!(judge(&policy, "http://11.0.0.1:80/"), Verdict::Granted, "public");
        assert_eq!(judge(&policy, "http://[::1]:9000/"), Verdict::Granted);
        assert_eq!(judge(&policy, "http://[::1]:9001/"), Verdict::Denied);
    }

    #[test]
    fn a_wrong_entry_is_told() {
        for wrong in ["10.0.0.0/33", "a b", "host:99999", "10.0.0.0/x"] {
            assert!(Policy::parse(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
