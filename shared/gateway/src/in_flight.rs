//! How much an instance does for one app at a time.

use model::ids::AppId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is under way, by app. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<HashMap<AppId, usize>>>);

/// A place among what is under way; dropping it frees the place.
#[derive(Debug)]
pub struct Place {
    of: InFlight,
    app: AppId,
}

impl InFlight {
    /// A place for `app`, unless `most` are taken.
    pub fn enter(&self, app: AppId, most: usize) -> Option<Place> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = places.entry(app).or_default();
        if *taken >= most {
            return None;
        }
        *taken += 1;
        Some(Place { of: self.clone(), app })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        match places.get_mut(&self.app) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => drop(places.remove(&self.app)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_has_its_places_and_no_more() {
        let in_flight = InFlight::default();
        let (one, two) = (AppId::new(1), AppId::new(2));
        let first = in_flight.enter(one, 2).unwrap();
        let second = in_flight.enter(one, 2).unwrap();
        assert!(in_flight.enter(one, 2).is_none());
        assert!(in_flight.enter(two, 2).is_some(), "apps do not share places");
        drop(first);
        assert!(in_flight.enter(one, 2).is_some());
        drop(second);
        assert!(in_flight.0.lock().unwrap().is_empty(), "nothing is kept of who is done");
    }
}
