-- When an order became a draft, the last times: one that is published again has moved the rows behind it all the same.
ALTER TABLE order_drafts ADD COLUMN drafted_at timestamptz[] NOT NULL DEFAULT '{}';
UPDATE order_drafts SET drafted_at = ARRAY[said_at] WHERE is_draft;
