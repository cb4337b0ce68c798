-- Salla's exchange rate of an order: currency of the store, other currency, units of the other for one of the store's, such as SAR:USD:0.266592.
ALTER TABLE orders ADD COLUMN exchange_rate text;
