//! The Lambda function `inbound`; see [`functions::workers::inbound`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::workers::inbound::FUNCTION)
}
