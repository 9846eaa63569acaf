//! The Lambda function `wechat-push`; see [`functions::wechat::push`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wechat::push::FUNCTION)
}
