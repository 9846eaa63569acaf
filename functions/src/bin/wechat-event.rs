//! The Lambda function `wechat-event`; see [`functions::wechat::event`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wechat::event::FUNCTION)
}
