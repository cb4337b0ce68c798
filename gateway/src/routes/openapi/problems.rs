//! Which problems each operation may answer with, beside those that follow from its shape.

use serde_json::Value;

use crate::problem::Code;

/// Problems of operations by their ids.
const OF_OPERATIONS: &[(&str, &[Code])] = &[
    ("register", &[Code::EmailTaken, Code::TooManyAttempts]),
    ("logIn", &[Code::WrongCredentials, Code::TooManyAttempts]),
    ("refreshSession", &[Code::Unauthorized]),
    ("forgotPassword", &[Code::TooManyAttempts]),
    ("resetPassword", &[Code::LinkSpent, Code::TooManyAttempts]),
    ("changePassword", &[Code::TooManyAttempts]),
    (
        "finishAuthorization",
        &[
            Code::StateRefused,
            Code::StateUnknown,
            Code::AccessDenied,
            Code::StoreTaken,
            Code::OtherStore,
            Code::SallaFailed,
            Code::SallaUnreachable,
        ],
    ),
    ("confirmOtherStore", &[Code::StateRefused, Code::StoreTaken]),
    (
        "claimStore",
        &[Code::ClaimSpent, Code::StoreTaken, Code::OtherStore, Code::SallaFailed, Code::SallaUnreachable],
    ),
    ("disconnectStore", &[Code::NothingConnected]),
    ("startImport", &[Code::SyncConflict, Code::NotConnected, Code::UnknownMerchant]),
    ("resumeImport", &[Code::SyncConflict]),
    ("cancelImport", &[Code::SyncConflict]),
    ("estimateImport", &[Code::NotConnected, Code::ReauthorisationNeeded, Code::SallaFailed]),
    ("readNotification", &[Code::UnknownNotification]),
    ("getSummary", &[Code::NotConnected]),
    ("getSalesTrend", &[Code::NotConnected]),
    ("getTopProducts", &[Code::NotConnected]),
    ("getCustomerReport", &[Code::NotConnected]),
    ("getOrderStatus", &[Code::NotConnected]),
    ("getSalesByCity", &[Code::NotConnected]),
    ("getSalesByPayment", &[Code::NotConnected]),
    ("getSalesByChannel", &[Code::NotConnected]),
    ("getSalesByHour", &[Code::NotConnected]),
    ("getProductReport", &[Code::NotConnected, Code::UnknownProduct]),
    ("getCart", &[Code::UnknownCart]),
    ("makeApiKey", &[Code::TooManyKeys]),
    ("revokeApiKey", &[Code::UnknownApiKey]),
    ("getOrder", &[Code::UnknownOrder]),
    (
        "getOrderHistories",
        &[Code::UnknownOrder, Code::NotConnected, Code::ReauthorisationNeeded, Code::SallaFailed],
    ),
    ("getCustomer", &[Code::UnknownCustomer]),
    ("getProduct", &[Code::UnknownProduct]),
    ("requestExport", &[Code::NotConnected, Code::TooManyExports]),
    ("getExport", &[Code::UnknownExport]),
    ("revokeExport", &[Code::UnknownExport, Code::ExportConflict]),
    ("downloadFile", &[Code::UnknownLink, Code::LinkExpired, Code::NoSuchRange, Code::Unavailable]),
    ("downloadManifest", &[Code::UnknownLink, Code::LinkExpired, Code::Unavailable]),
    ("initiateSyncJob", &[Code::SyncConflict, Code::NotConnected, Code::UnknownMerchant]),
    ("getSyncJobStatus", &[Code::UnknownMerchant]),
    (
        "acceptSallaWebhook",
        &[
            Code::WebhookRefused,
            Code::UnsupportedMediaType,
            Code::TooLarge,
            Code::CutOff,
            Code::Timeout,
            Code::BadRequest,
            Code::Busy,
        ],
    ),
];

/// Problems that an operation may answer with: its own, and those of its shape, which the front and [`Call`](crate::call::Call) refuse
/// before a handler is asked.
pub(super) fn of(path: &str, operation: &Value) -> Vec<Code> {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let own = OF_OPERATIONS.iter().find(|(known, _)| *known == id).map_or(&[][..], |(_, codes)| codes);
    let mut all = own.to_vec();
    if operation["requestBody"].is_object() && !path.starts_with("/api/webhooks/") {
        all.extend([
            Code::InvalidInput,
            Code::MalformedJson,
            Code::CutOff,
            Code::Timeout,
            Code::TooLarge,
            Code::UnsupportedMediaType,
        ]);
    }
    let parameters = || operation["parameters"].as_array().into_iter().flatten();
    if parameters().any(|parameter| parameter["in"] == "query") {
        all.push(Code::InvalidInput);
    }
    if parameters().any(|parameter| parameter["name"] == "x-qafila-position") {
        all.push(Code::BadPosition);
    }
    let schemes = || operation["security"].as_array().into_iter().flatten();
    if schemes().any(|scheme| scheme["bearer"].is_array()) {
        all.push(Code::Unauthorized);
    }
    if schemes().any(|scheme| scheme["merchantKey"].is_array()) {
        all.push(Code::ScopeMissing);
    }
    if schemes().any(|scheme| scheme["apiKey"].is_array()) {
        all.push(Code::ApiKeyRefused);
    }
    if path.starts_with("/api/") {
        all.push(Code::Unavailable);
    }
    all.sort_by_key(|code| code.as_str());
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::super::DOCUMENT;
    use super::*;

    #[test]
    fn problems_are_listed_of_operations_that_exist() {
        let paths = DOCUMENT["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(_, methods)| methods.as_object().into_iter().flatten());
        let ids: Vec<&str> =
            operations.filter_map(|(_, operation)| operation["operationId"].as_str()).collect();
        for (id, _) in OF_OPERATIONS {
            assert!(ids.contains(id), "{id}");
        }
    }
}
