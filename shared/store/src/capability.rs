//! What a function may do with the store, as a type and as a list of AWS actions.

use crate::Store;
use model::channel::ChannelKind;

/// Something an action is granted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The Apps table.
    Apps,
    /// The wrapped data keys in the Apps table, and nothing else of it.
    DataKeys,
    /// The Tokens table.
    Tokens,
    /// The Users table.
    Users,
    /// The Tasks table.
    Tasks,
    /// The objects of the bucket.
    Bucket,
    /// The names of the bucket's objects.
    BucketNames,
    /// The queue of tasks.
    TasksQueue,
    /// The queue of what WeChat told us.
    InboundQueue,
    /// The queue of callbacks.
    CallbacksQueue,
    /// The queue of a channel.
    ChannelQueue(ChannelKind),
    /// The key that seals secrets.
    Key,
    /// The connections of the WebSocket API, to send to.
    Connections,
    /// The connections of the WebSocket API, to end them.
    ConnectionEnds,
}

/// One AWS action on one resource, for example `dynamodb:GetItem` on the Apps table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    /// The IAM action.
    pub action: &'static str,
    /// What it acts on.
    pub resource: Resource,
}

impl Grant {
    /// An action on a resource.
    pub const fn new(action: &'static str, resource: Resource) -> Self {
        Self { action, resource }
    }
}

/// A few calls that belong together, and the actions they need.
pub trait Capability {
    /// Takes the capability from the store. Opens nothing: clients connect when first used.
    fn open(store: &Store) -> Self;

    /// The actions that its calls need.
    fn grants() -> Vec<Grant>;
}

/// Declares a capability over the store: `capability! { /// doc  Name: [("dynamodb:GetItem", Apps)] }`.
macro_rules! capability {
    ($(#[$doc:meta])* $name:ident: [$(($action:literal, $resource:expr)),* $(,)?]) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(pub(crate) $crate::Store);

        impl $crate::Capability for $name {
            fn open(store: &$crate::Store) -> Self {
                Self(store.clone())
            }

            fn grants() -> Vec<$crate::Grant> {
                #[allow(unused_imports)]
                use $crate::Resource::*;
                vec![$($crate::Grant::new($action, $resource)),*]
            }
        }
    };
}

/// Declares a capability that works through others: `capability_with! { /// doc  Name { opener: Opener }:
/// [("dynamodb:GetItem", Apps)] }`. It has a field `store` and the named ones.
macro_rules! capability_with {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $part:ty),+ $(,)? }: [$(($action:literal, $resource:expr)),* $(,)?]) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            store: $crate::Store,
            $($field: $part),+
        }

        impl $crate::Capability for $name {
            fn open(store: &$crate::Store) -> Self {
                Self { store: store.clone(), $($field: <$part as $crate::Capability>::open(store)),+ }
            }

            fn grants() -> Vec<$crate::Grant> {
                #[allow(unused_imports)]
                use $crate::Resource::*;
                let mut grants = vec![$($crate::Grant::new($action, $resource)),*];
                $(grants.extend(<$part as $crate::Capability>::grants());)+
                grants
            }
        }
    };
}

/// Declares what one function may do: a struct of capabilities whose grants are theirs together.
#[macro_export]
macro_rules! capabilities {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $capability:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone)]
        $vis struct $name {
            $($(#[$field_doc])* $field: $capability),*
        }

        impl $crate::Capability for $name {
            fn open(store: &$crate::Store) -> Self {
                Self { $($field: <$capability as $crate::Capability>::open(store)),* }
            }

            fn grants() -> Vec<$crate::Grant> {
                #[allow(unused_mut)]
                let mut grants = Vec::new();
                $(grants.extend(<$capability as $crate::Capability>::grants());)*
                grants.sort_unstable();
                grants.dedup();
                grants
            }
        }
    };
}
