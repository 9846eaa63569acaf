//! The Lambda function `wechat-template-send`; see [`functions::wechat::template_send`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wechat::template_send::FUNCTION)
}
