//! Reading enums that are tagged inside, `{"kind": "task_v1", "task": 7}`, without a copy of everything.
//!
//! What serde derives for `#[serde(tag = "kind")]` must find the tag before it knows what to read, so it first copies the
//! whole object into a tree: of a batch, every recipient. But the serializer writes the tag before all else. So here the
//! first key is looked at: when it is the tag, what follows is read at once as what the tag names. Only an object in
//! another order, which is as valid, is copied first.

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::marker::PhantomData;

/// Reads `{"kind": "a", "x": 1}`, where `tag` is `kind`, as `T` reads `{"a": {"x": 1}}`: the form that serde derives for
/// an enum without a tag. There are no unit variants.
pub(crate) fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    tag: &'static str,
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_map(Tagged { tag, variants: PhantomData })
}

struct Tagged<T> {
    tag: &'static str,
    variants: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Tagged<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", self.tag)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let missing = || A::Error::missing_field(self.tag);
        let first: String = map.next_key()?.ok_or_else(missing)?;
        if first == self.tag {
            return T::deserialize(MapAccessDeserializer::new(TagFirst(map)));
        }
        let mut entries: Vec<(String, Value)> = vec![(first, map.next_value()?)];
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        let at = entries.iter().position(|(key, _)| key == self.tag).ok_or_else(missing)?;
        entries.swap(0, at);
        let mut map = MapDeserializer::<_, serde_json::Error>::new(entries.into_iter());
        map.next_key::<IgnoredAny>()
            .and_then(|_| T::deserialize(MapAccessDeserializer::new(TagFirst(map))))
            .map_err(A::Error::custom)
    }
}

/// An object of which the tag's key has been read. It is a map with one entry: the tag's value, and what follows.
struct TagFirst<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for TagFirst<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_value_seed(seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        seed.deserialize(MapAccessDeserializer::new(&mut self.0))
    }
}
