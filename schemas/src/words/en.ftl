### What the system says, in English. Every message stands in ar.ftl, too, with the same parameters.

## Rules that a field may break: the end of a sentence that begins with the field.

rule-required = is missing
rule-unknown-field = is not a field of this request
rule-unknown-parameter = is not a parameter of this route
rule-unknown-filter = is not a filter of this report; it has { $filters }
rule-repeated = is given twice
rule-wrong-type =
    { $expected ->
        [string] must be a text
        [integer] must be a whole number
        [number] must be a number
        [boolean] must be true or false
        [object] must be an object
        [array] must be a list
       *[other] must be of another type
    }
rule-length = must have { $min } to { $max } characters
rule-visible-ascii = must have { $min } to { $max } visible ASCII characters
rule-range = must be { $min } to { $max }
rule-one-of = must be one of { $values }
rule-email = must be an e-mail address such as name@example.com
rule-phone = must be a phone number, such as 0501234567 or +966501234567
rule-uuid = must be a UUID
rule-id = must be a whole number, as Salla gives it
rule-day = must be a day such as 2026-03-31
rule-day-range = must be a day from { $first } to { $last }
rule-instant = must be a time such as 2026-03-31T00:00:00Z
rule-time-zone = must be an IANA time zone such as Asia/Riyadh
rule-not-after = must not be after { $field }
rule-too-many-days =
    { $days ->
        [one] covers at most { $days } day
       *[other] covers at most { $days } days
    }
rule-cursor = must be a nextCursor of this route
rule-only-for-format = is only for { $format }
rule-no-personal-data = must be left out: this report has no personal data
rule-used-before = was used for another request; give each one a key of its own
rule-wrong-password = is not your password
rule-same-password = is the password that you have
rule-password-common = is one of the most common passwords
rule-password-common-extended = is one of the most common passwords with something added
rule-password-contains-name = must not contain the name of the e-mail address
rule-password-classes = must mix at least { $classes } of: lower case, upper case, digits, other characters
rule-code-or-error = must be sent, or an error, and not both

## Problems of the API: what happened, and what to do.

problem-invalid-input = Some fields are not valid.
problem-malformed-json = The body is not valid JSON.
problem-unsupported-media-type = Send the body as application/json.
problem-too-large = The body may have { $bytes } bytes.
problem-cut-off = The body was cut off. Send it again.
problem-timeout = The body did not arrive in time. Send it again.
problem-bad-request = The request could not be read.
problem-bad-position = X-Qafila-Position must be a position that a command answered with.
problem-not-found = There is nothing at this address.
problem-method-not-allowed = This address takes another method.
problem-unauthorized = Log in to go on.
problem-api-key-refused = Send a valid key in the header X-Api-Key.
problem-webhook-refused = Not taken: { $reason }. Sign it with the webhook secret of the app.
problem-unavailable = Qafila cannot do this at the moment. Nothing was changed; send the same request again.
problem-busy = Qafila has too much under way at the moment. Send it again.
problem-too-many-attempts = Too many attempts. Try again in { $minutes } minutes.
problem-email-taken = This e-mail address is already registered. Log in instead.
problem-wrong-credentials = E-mail address or password is wrong.
problem-link-spent = This link works no more: it works once, for 30 minutes, and a newer mail takes its place. Ask for another one.
problem-claim-spent = This link works no more. Log in and press “Connect” to connect the store.
problem-state-refused = This authorisation was already used, has expired, or was started by somebody else. Nothing was changed; press “Connect” once more.
problem-state-unknown = This authorisation was not started from Qafila. Log in and press “Connect”.
problem-access-denied = Salla did not grant access. Nothing was changed; press “Connect” once more and approve.
problem-store-taken = This store is connected to another Qafila account. Log in to that account, or choose another store.
problem-nothing-connected = No store is connected. There is nothing to disconnect.
problem-not-connected = Connect your Salla store first.
problem-reauthorisation-needed = Salla no longer accepts our access. Connect your store again.
problem-salla-failed = Salla failed. Try again in a while.
problem-salla-unreachable = Salla could not be reached. Send the same request again in a while.
problem-sync-conflict =
    { $reason ->
        [already-running] An import is already running. Watch it at /api/v1/sync/status.
        [not-running] No import is running.
        [not-resumable] The import is not failed or paused; one that has ended is started anew.
        [not-connected] No store is connected, so no import is running.
       *[other] The import has changed meanwhile. Watch it at /api/v1/sync/status.
    }
problem-export-conflict =
    { $reason ->
        [ended] The export has ended.
       *[other] The export has changed meanwhile. Look at it again.
    }
problem-too-many-exports = You are waiting for { $count } files. Wait until some are ready, or delete some.
problem-unknown-merchant = No merchant has this id.
problem-unknown-order = You have no order with this id.
problem-unknown-customer = You have no customer with this id.
problem-unknown-product = You have no product with this id.
problem-unknown-export = You have no export with this id.
problem-unknown-notification = You have no notification with this id.
problem-unknown-link = This is no link of ours. Copy it whole from the mail or the page.
problem-link-expired = This link works no more: a file is kept for 24 hours, or until it is deleted. Ask for the report again.
problem-no-such-range = The file has { $bytes } bytes.
