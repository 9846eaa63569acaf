//! The Lambda function `callback`; see [`functions::workers::callback`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::workers::callback::FUNCTION)
}
