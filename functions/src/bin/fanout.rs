//! The Lambda function `fanout`; see [`functions::workers::fanout`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::workers::fanout::FUNCTION)
}
