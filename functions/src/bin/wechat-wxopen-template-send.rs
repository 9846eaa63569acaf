//! The Lambda function `wechat-wxopen-template-send`; see [`functions::wechat::wxopen_template_send`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wechat::wxopen_template_send::FUNCTION)
}
