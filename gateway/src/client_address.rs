//! Who a request comes from: the peer itself, or what proxies that the operator trusts say of it.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// What one customer of a provider is given.
const IPV6_CUSTOMER_BITS: u32 = 64;

/// Proxies whose `X-Forwarded-For` is believed; none by default.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// These networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks.into())
    }

    /// The client of a request that `peer` sent: the last address that no trusted proxy has. Anything further left was
    /// written by the client itself.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let named: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        let mut nearest = peer;
        for text in named.into_iter().rev() {
            // An unreadable address ends the chain: nothing before it can be believed.
            let Ok(address) = text.trim().parse::<IpAddr>() else { break };
            nearest = address.to_canonical();
            if !self.trusts(nearest) {
                break;
            }
        }
        nearest
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// What attempts are counted under: an IPv4 address, or the IPv6 network of one customer, who has 2^64 addresses.
pub fn attempt_source(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - IPV6_CUSTOMER_BITS))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let networks = trusted.iter().map(|n| n.parse().expect("a network")).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().expect("a header"));
        }
        TrustedProxies::new(networks).client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_about_its_own_peer() {
        assert_eq!(client(&[], "10.0.0.1", &["8.8.8.8"]), "10.0.0.1");
        let trusted = ["10.0.0.0/8"];
        assert_eq!(client(&trusted, "9.9.9.9", &["8.8.8.8"]), "9.9.9.9");
        assert_eq!(
            client(&trusted, "10.0.0.1", &["1.1.1.1, 8.8.8.8"]),
            "8.8.8.8",
            "1.1.1.1 is the client's word"
        );
        assert_eq!(client(&trusted, "10.0.0.1", &["1.1.1.1", "8.8.8.8, 10.0.0.2"]), "8.8.8.8");
        assert_eq!(client(&trusted, "::ffff:10.0.0.1", &["8.8.8.8"]), "8.8.8.8");
        assert_eq!(client(&trusted, "10.0.0.1", &["8.8.8.8, nonsense"]), "10.0.0.1");
        assert_eq!(client(&trusted, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn attempts_from_one_ipv6_network_count_together() {
        let source = |text: &str| attempt_source(text.parse().expect("an address"));
        assert_eq!(source("2001:db8:1:2:aaaa::1"), source("2001:db8:1:2:bbbb::2"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
    }
}
