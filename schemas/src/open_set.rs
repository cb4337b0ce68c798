//! Open sets of the contract: strings of which we know some (ARCHITECTURE §3). Known ones cost no allocation,
//! unknown ones are kept as they came.

macro_rules! open_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A value of a later version.
            Other(Box<str>),
        }

        impl $name {
            /// Its text on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.into()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a string")
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        Ok($name::from(text))
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

open_set! {
    /// Where an observation came from.
    Source {
        /// A row of a list, which Salla may have served from a cache.
        List = "list",
        /// A webhook.
        Webhook = "webhook",
        /// A details (and items) answer: the best there is.
        Details = "details",
        /// A repair of ours.
        Repair = "repair",
    }
}

open_set! {
    /// What an observation is about.
    Entity {
        /// An order.
        Order = "order",
        /// A customer.
        Customer = "customer",
        /// A product.
        Product = "product",
        /// An abandoned cart.
        Cart = "cart",
    }
}

open_set! {
    /// What an observation says.
    Kind {
        /// The groups present were read.
        Seen = "seen",
        /// Salla says that it is gone.
        Deleted = "deleted",
        /// It changed; fetch it.
        Stale = "stale",
        /// Publish the merged row again.
        Publish = "publish",
    }
}
