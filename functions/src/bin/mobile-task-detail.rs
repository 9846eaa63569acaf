//! The Lambda function `mobile-task-detail`; see [`functions::mobile::task_detail`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::mobile::task_detail::FUNCTION)
}
