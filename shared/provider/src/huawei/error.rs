//! What Huawei's codes mean (Push Kit, "Response parameters", read 2026-08, and what public SDKs say beyond it).

use crate::vendor::code::Code;
use crate::vendor::fault;
use model::outcome::Outcome;

/// Success.
pub const OK: Code = Code(80_000_000);
/// Some tokens are dead; the others were served.
pub const PARTIAL: Code = Code(80_100_000);
/// All tokens are dead, or the app id is wrong.
pub const ALL_DEAD: Code = Code(80_300_007);
/// Too many tokens; none was served.
pub const TOO_MANY: Code = Code(80_300_010);
/// The body is too large.
pub const TOO_LARGE: Code = Code(80_300_008);
/// The app has no right to messages of high priority.
pub const NO_HIGH_PRIORITY: Code = Code(80_300_011);
/// The access token is not good.
pub const BAD_TOKEN: Code = Code(80_200_001);
/// The access token has expired.
pub const EXPIRED_TOKEN: Code = Code(80_200_003);

/// How a call ended that Huawei answered with `code`, repeats included. A code that nobody knows is about the message and
/// never costs a token.
pub const fn outcome_of(code: Code) -> Outcome {
    match code.0 {
        80_000_000 | 80_100_000 => Outcome::Ok { vendor_id: None },
        80_300_007 => Outcome::Invalid,
        // Refused with a fresh token too: it is not the token.
        80_200_001 | 80_200_003 => Outcome::Config,
        // Permission, high priority, receipt address, OAuth.
        80_300_002 | 80_300_011 | 80_300_013 | 80_600_003 => Outcome::Config,
        80_300_008 => Outcome::TooLarge,
        // Parameters; ttl; collapse key; sensitive words; review.
        80_100_001..=80_100_004 | 80_100_013 | 80_100_016 | 80_100_018 => Outcome::Content,
        // Rate, or the same message again too soon.
        80_100_017 | 80_300_006 => fault::later_by(60),
        81_000_001 => fault::later(None),
        _ => Outcome::Content,
    }
}

/// Whether a fresh token may cure it.
pub fn wants_new_token(code: Code) -> bool {
    code == BAD_TOKEN || code == EXPIRED_TOKEN
}
