//! Room for large bodies while they are read: whether a webhook is Salla's is known only once it is whole, so strangers can
//! make us hold as many as there is room for, and no client has all of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client_address::attempt_source;

const MOST: usize = 64;
const MOST_OF_ONE_CLIENT: usize = 16;

/// Large bodies that are being read, by client.
#[derive(Debug, Clone, Default)]
pub struct LargeBodies(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// Room for one; given back when dropped.
#[derive(Debug)]
pub struct Room {
    bodies: LargeBodies,
    client: IpAddr,
}

impl LargeBodies {
    /// Room for a body of `client`, where there is any.
    pub fn take(&self, client: IpAddr) -> Option<Room> {
        let client = attempt_source(client);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, of_client) = (held.values().sum::<usize>(), held.get(&client).copied().unwrap_or_default());
        if all >= MOST || of_client >= MOST_OF_ONE_CLIENT {
            return None;
        }
        held.insert(client, of_client + 1);
        Some(Room { bodies: self.clone(), client })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut held = self.bodies.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn no_client_takes_all_the_room_and_what_is_given_back_can_be_taken_again() {
        let bodies = LargeBodies::default();
        let client = |number: u8| IpAddr::V4(Ipv4Addr::new(10, 0, 0, number));
        let mut of_one: Vec<Room> = std::iter::from_fn(|| bodies.take(client(1))).collect();
        assert_eq!(of_one.len(), MOST_OF_ONE_CLIENT);
        let others: Vec<Room> = (2..200).filter_map(|number| bodies.take(client(number))).collect();
        assert_eq!(of_one.len() + others.len(), MOST);
        of_one.pop();
        assert!(bodies.take(client(1)).is_some());
        drop((of_one, others));
        assert!(bodies.0.lock().expect("no panic").is_empty());
    }
}
