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
rule-length =
    { COUNT($max) ->
        [one] must have one character
       *[other] must have { $min } to { $max } characters
    }
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
    { COUNT($days) ->
        [one] covers at most { $days } day
       *[other] covers at most { $days } days
    }
rule-too-many-points =
    { COUNT($points) ->
        [one] gives more than one point; ask for wider points, fewer days or fewer groups
       *[other] gives more than { $points } points; ask for wider points, fewer days or fewer groups
    }
rule-control-characters = must have no control characters
rule-too-many-values =
    { COUNT($values) ->
        [one] is given more than once
       *[other] has more than { $values } values
    }
rule-no-word = has no word of two letters or digits to look for
rule-too-many-people =
    { COUNT($people) ->
        [one] fits more than one person; add a word, or look by e-mail or phone
       *[other] fits more than { $people } people; add a word, or look by e-mail or phone
    }
rule-cursor = must be a nextCursor of this route
rule-only-for-format = is only for { $format }
rule-not-for-format = is not for { $format }
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
problem-too-many-attempts =
    { COUNT($minutes) ->
        [one] Too many attempts. Try again in a minute.
       *[other] Too many attempts. Try again in { $minutes } minutes.
    }
problem-email-taken = This e-mail address is already registered. Log in instead.
problem-wrong-credentials = E-mail address or password is wrong.
problem-link-spent = This link works no more: it works once, for 30 minutes, and a newer mail takes its place. Ask for another one.
problem-claim-spent = This link works no more. Log in and press “Connect” to connect the store.
problem-state-refused = This authorisation was already used, has expired, or was started by somebody else. Nothing was changed; press “Connect” once more.
problem-state-unknown = This authorisation was not started from Qafila. Log in and press “Connect”.
problem-access-denied = Salla did not grant access. Nothing was changed; press “Connect” once more and approve.
problem-store-taken = This store is connected to another Qafila account. Log in to that account, or choose another store.
problem-other-store = { $current } is connected. Nothing was changed: confirm that { $new } takes its place.
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
problem-unknown-cart = You have no cart with this id.
problem-unknown-api-key = You have no key with this id.
problem-scope-missing = This key may not read that. Make one with the scope { $scope }.
problem-too-many-api-keys = You have as many keys as there may be. Revoke one that is not used.
problem-unknown-product = You have no product with this id.
problem-unknown-export = You have no export with this id.
problem-unknown-notification = You have no notification with this id.
problem-unknown-link = This is no link of ours. Copy it whole from the mail or the page.
problem-link-expired = This link works no more: a file is kept for 24 hours, or until it is deleted. Ask for the report again.
problem-no-such-range = The file has { $bytes } bytes.

## Causes: what to do about what waits, has failed or stands still.

cause-sync-paused-access-refused = Salla no longer accepts our access, perhaps because the app was removed. Connect your store again; what was imported stays, and the import goes on.
cause-sync-paused-refresh-answer-lost = Salla's answer to a renewal of our access was lost. Connect your store again, and the import goes on where it stopped.
cause-sync-paused-salla-blocks-us = Salla lets no call through for a while. Nothing is needed: the import goes on by itself.
cause-sync-paused-source-disagrees = Salla's lists contradict each other at the moment. Nothing is needed: we ask again until they agree, and call nothing complete before.
cause-sync-paused-internal-trouble = Something of ours does not work. Nothing is needed: the import goes on by itself.

cause-sync-failed-not-connected = No store is connected. Connect your store, then start the import again.
cause-sync-failed-scope-missing = Salla did not grant us everything an import needs. Connect your store again and approve all that is asked for, then resume the import.
cause-sync-failed-salla-unavailable = Salla did not answer for a long time. Resume the import in a while; nothing is lost.
cause-sync-failed-salla-unreadable = Salla's lists have a shape that we cannot read. Nothing is lost: contact support with the job's id, or resume the import later.
cause-sync-failed-salla-refused = Salla refused a request. Contact support with the job's id.
cause-sync-failed-source-disagrees = Salla's lists contradicted each other for days. Resume the import, or contact support with the job's id.
cause-sync-failed-too-many-invalid-rows = Too many of the store's rows could not be read. They are kept: contact support with the job's id.
cause-sync-failed-internal-trouble = Something of ours did not work for days. Resume the import, or contact support with the job's id.

cause-connection-access-refused = Salla no longer accepts our access, perhaps because the app was removed. Connect your store again; what was imported stays.
cause-connection-refresh-answer-lost = Salla's answer to a renewal of our access was lost. Connect your store again; what was imported stays, and an import goes on where it stopped.
cause-connection-access-ends-soon = Our access to your store ends within a week, and Salla gave us nothing to renew it with. Connect your store again before then; nothing is interrupted.
cause-connection-uninstalled = The Qafila app was removed from your store. Connect your store again; what was imported stays.

cause-reconciliation-not-connected = No store was connected. Connect your Salla store again.
cause-reconciliation-access-refused = Salla no longer accepted our access. Connect your Salla store again.
cause-reconciliation-refresh-answer-lost = Salla's answer to a renewal of our access was lost. Connect your Salla store again.
cause-reconciliation-scope-missing = Salla did not grant us everything. Connect your store again and approve all that is asked for.
cause-reconciliation-salla-blocks-us = Salla let no call through. Nothing is needed: it is tried again the next night.
cause-reconciliation-salla-unavailable = Salla did not answer. Nothing is needed: it is tried again the next night.
cause-reconciliation-salla-unreadable = Salla's lists had a shape that we cannot read. It is tried again the next night; if it happens again, contact support.
cause-reconciliation-salla-refused = Salla refused a request. It is tried again the next night; if it happens again, contact support.
cause-reconciliation-source-disagrees = Salla's lists contradicted each other. Nothing is needed: it is tried again the next night.
cause-reconciliation-too-many-deletions = Many rows are no longer at Salla. Nothing was deleted: contact support, who can confirm that they are gone.
cause-reconciliation-too-many-invalid-rows = Too many rows could not be read. They are kept: contact support.
cause-reconciliation-internal-trouble = Something of ours did not work. Nothing is needed: it is tried again the next night.

cause-webhooks-not-connected = No store is connected. Connect your Salla store again.
cause-webhooks-access-refused = Salla no longer accepts our access. Connect your Salla store again.
cause-webhooks-refresh-answer-lost = Salla's answer to a renewal of our access was lost. Connect your Salla store again.
cause-webhooks-scope-missing = Salla did not grant us everything. Connect your store again and approve all that is asked for.
cause-webhooks-salla-blocks-us = Salla let too few calls through. Nothing is needed: it is tried again within the hour, and changes come every night until then.
cause-webhooks-salla-unavailable = Salla did not answer. Nothing is needed: it is tried again within the hour, and changes come every night until then.
cause-webhooks-salla-unreadable = Salla's answer had a shape that we cannot read. It is tried again, and changes come every night until then; if it stays, contact support.
cause-webhooks-salla-refused = Salla refuses some of your store's events. Changes come every night; if it stays, contact support.
cause-webhooks-internal-trouble = Something of ours did not work. Nothing is needed: it is tried again within the hour.

cause-completeness-rows-unread = Some rows could not be read. They are kept, and read again every night.
cause-completeness-not-stored-yet = What was read is still being stored. Nothing is needed.
cause-completeness-webhooks-failing = The store's events do not reach us. What they would have told is read every night.
cause-completeness-changes-unread = Changes were missed for a while. They are read in the coming night.
cause-completeness-news-unread = Some news of the store is still being read. Nothing is needed.
cause-completeness-not-connected = No store is connected. Connect your Salla store again.
cause-completeness-access-refused = Salla no longer accepts our access. Connect your Salla store again.
cause-completeness-refresh-answer-lost = Salla's answer to a renewal of our access was lost. Connect your Salla store again.
cause-completeness-scope-missing = Salla did not grant us everything. Connect your store again and approve all that is asked for.
cause-completeness-salla-blocks-us = Salla let no call through last night. It is tried again the next night.
cause-completeness-salla-unavailable = Salla did not answer last night. It is tried again the next night.
cause-completeness-salla-unreadable = Salla's lists had a shape that we cannot read. It is tried again the next night; if it happens again, contact support.
cause-completeness-salla-refused = Salla refused a request last night. It is tried again the next night; if it happens again, contact support.
cause-completeness-source-disagrees = Salla's lists contradicted each other last night. It is tried again the next night.
cause-completeness-too-many-deletions = Many rows are no longer at Salla. Nothing was deleted: contact support, who can confirm that they are gone.
cause-completeness-too-many-invalid-rows = Too many rows could not be read. They are kept: contact support.
cause-completeness-internal-trouble = Something of ours did not work last night. It is tried again the next night.

cause-export-too-many-rows = The file would have more rows than a file may have. Choose fewer days.
cause-export-timed-out = It took too long. Choose fewer days, or a report with fewer rows.
cause-export-unknown-report = This version of Qafila does not make this report. Ask for another one.
cause-export-interrupted = Ask for it again in a while. If it fails again, contact support with the job's id.
cause-export-source-unavailable = Our reports could not be read for a while. Ask for the file again in a while; if it fails again, contact support with the job's id.
cause-export-storage-unavailable = The file could not be stored. Ask for it again in a while; if it fails again, contact support with the job's id.
cause-export-keys-unavailable = Sealed fields could not be opened. Ask for the file again in a while; if it fails again, contact support with the job's id.
cause-export-internal = Something of ours did not work. Ask for the file again in a while; if it fails again, contact support with the job's id.

## Notes of the app and mails: what happened, and what to do.

report-name =
    { $report ->
        [orders] orders
        [order-items] order items
        [customers] customers
        [products] products
        [carts] abandoned carts
        [sales-trend] sales over time
        [order-status] orders by status
        [top-products] top products
       *[other] your report
    }

note-sync-completed-title = Import completed
note-sync-completed-orders =
    { COUNT($orders) ->
        [one] one order
       *[other] { $orders } orders
    }
note-sync-completed-customers =
    { COUNT($customers) ->
        [one] one customer
       *[other] { $customers } customers
    }
note-sync-completed-products =
    { COUNT($products) ->
        [one] one product
       *[other] { $products } products
    }
note-sync-completed-imported = Imported: { $parts }.
note-sync-completed-body = Your store has { $parts }.
note-sync-completed-unchanged = Your store has as many as before: { $parts }.
note-sync-completed-nothing = Salla has no orders, customers or products for these months yet.
note-sync-completed-skipped =
    { COUNT($skipped) ->
        [one] One row could not be read; it is kept for support.
       *[other] { $skipped } rows could not be read; they are kept for support.
    }
note-sync-waiting-title = The import is waiting
note-sync-waiting-body = Nothing is needed: the import goes on by itself.
note-sync-failed-title = Import failed
note-sync-failed-body = Resume the import in a while. If it fails again, contact support with the job's id.
note-connection-lost-title = Store disconnected
note-connection-lost-body = Salla no longer accepts our access to your store. Connect it again; what was imported stays.
note-reauthorisation-needed-title = Please authorise us again
note-reauthorisation-needed-body = Connect your store again; what was imported stays.
note-access-ends-soon-title = Our access to your store ends soon
note-export-ready-title = Your file is ready
note-export-ready-body =
    { COUNT($rows) ->
        [one] The file of { $report } can be downloaded. It has one row.
       *[other] The file of { $report } can be downloaded. It has { $rows } rows.
    }
note-export-early = Not everything of your store had arrived when it was begun; what came later is not in it.
note-export-without-details =
    { COUNT($orders) ->
        [one] One order lacks its products and customer so far.
       *[other] { $orders } orders lack their products and customers so far.
    }
note-export-failed-title = Your file could not be made
note-export-failed-body = The file of { $report } could not be made. { $advice }
note-mail-failed = The mail about it may not have reached you.
note-password-reset-title = Set a new password
note-password-reset-body = Somebody asked for a new password of your Qafila account.
note-password-changed-title = Your password was changed
note-password-changed-body = The password of your Qafila account was changed, and your other sessions were ended. If it was not you, set a new one now.
note-claim-title = Connect your store to Qafila
note-claim-body = The Qafila app was installed in your Salla store. Register or log in to connect the store and start the import.

mail-brand = Qafila
mail-footer = Qafila sent this mail by itself.
mail-footer-optional = Qafila sent this mail by itself. What you are mailed about can be chosen in the settings of your account.
mail-export-ready-action = Download the file
mail-export-ready-note = The link works for 24 hours and needs no log-in. Share it only with people you trust.
mail-export-failed-action = Open the reports
mail-export-failed-note = You can ask for the file again.
mail-password-reset-action = Set a new password
mail-password-reset-note = The link works once, for 30 minutes. If you did not ask for it, ignore this mail.
mail-password-changed-action = It was not me
mail-password-changed-note = If it was you, there is nothing to do.
mail-claim-action = Connect the store to your account
mail-claim-note = The link works once, for 7 days. If you did not install the app, ignore this mail.
mail-connection-action = Connect the store again
mail-connection-note = Open Qafila and connect your store again.
mail-sync-action = Open Qafila
mail-sync-note = The details are in your account.
