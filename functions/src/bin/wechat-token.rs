//! The Lambda function `wechat-token`; see [`functions::wechat::token`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wechat::token::FUNCTION)
}
