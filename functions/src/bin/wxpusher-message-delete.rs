//! The Lambda function `wxpusher-message-delete`; see [`functions::wxpusher::message_delete`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::message_delete::FUNCTION)
}
