//! The Lambda function `own-message`; see [`functions::own::message`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::own::message::FUNCTION)
}
