//! `GET /report/getStatistics`: what became of tasks. Lists have no receipts, so this is all that vivo says of them.

use super::Vivo;
use super::settings::STATISTICS_PATH;
use super::wire::StatisticsAnswer;
use crate::vendor::call::CallError;
use model::certificate::VivoCertificate;

/// vivo did not say what arrived. The text quotes no token and no query.
#[derive(Debug, thiserror::Error)]
#[error("what arrived is not known")]
pub struct StatisticsError {
    #[source]
    cause: CallError,
}

impl Vivo {
    /// How many devices each of `tasks` came to, by vivo's ids: at most [`super::settings::TASKS_PER_QUESTION`]. What vivo
    /// does not know, or says of others, is left out.
    pub async fn arrivals(
        &self,
        certificate: &VivoCertificate,
        tasks: &[u64],
    ) -> Result<Vec<(u64, u64)>, StatisticsError> {
        let ids: Vec<String> = tasks.iter().map(u64::to_string).collect();
        let path = format!("{STATISTICS_PATH}?taskIds={}", ids.join(","));
        let answer: StatisticsAnswer = self.get(certificate, path).await.map_err(|cause| StatisticsError { cause })?;
        Ok(answer.received().filter(|(task, _)| tasks.contains(task)).collect())
    }
}
