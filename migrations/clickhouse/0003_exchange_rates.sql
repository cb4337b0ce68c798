-- Salla's exchange rate of an order, and its total in the currency of the store; NULL where the rate does not tell.
ALTER TABLE orders
    ADD COLUMN IF NOT EXISTS exchange_rate LowCardinality(Nullable(String)) AFTER country_code,
    ADD COLUMN IF NOT EXISTS base_currency LowCardinality(Nullable(String)) AFTER exchange_rate,
    ADD COLUMN IF NOT EXISTS base_total Nullable(Decimal(18, 4)) AFTER base_currency;
