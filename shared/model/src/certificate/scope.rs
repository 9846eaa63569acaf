//! In whose name, and in which environment, a batch for phones is sent.

use super::Environment;
use crate::ids::{AccountId, MobileAppId};

/// An app in one of its environments: what a batch for phones names as its account, so that a breaker of the one
/// environment leaves the other alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The app.
    pub app: MobileAppId,
    /// Which of the vendors' environments.
    pub environment: Environment,
}

/// What stands behind the app's id in the development environment. App ids have no slash.
const DEVELOPMENT: &str = "/development";

impl Scope {
    /// The app in this environment.
    pub const fn new(app: MobileAppId, environment: Environment) -> Self {
        Self { app, environment }
    }

    /// As a batch names it: the app's id, for example `demo` or `demo/development`.
    pub fn account(&self) -> AccountId {
        match self.environment {
            Environment::Production => AccountId::new(self.app.as_str()),
            Environment::Development => AccountId::new(format!("{}{DEVELOPMENT}", self.app)),
        }
    }

    /// What `account` names; `None` when it is no app's.
    pub fn of(account: &AccountId) -> Option<Self> {
        let (app, environment) = match account.as_str().strip_suffix(DEVELOPMENT) {
            Some(app) => (app, Environment::Development),
            None => (account.as_str(), Environment::Production),
        };
        Some(Self { app: MobileAppId::parse(app).ok()?, environment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_says_which_app_and_environment_it_is() {
        for environment in Environment::ALL {
            let scope = Scope::new(MobileAppId::parse("demo").unwrap(), *environment);
            assert_eq!(Scope::of(&scope.account()), Some(scope));
        }
        assert_eq!(Scope::of(&AccountId::new("demo/staging")), None);
        assert_eq!(Scope::of(&AccountId::new("/development")), None);
    }
}
