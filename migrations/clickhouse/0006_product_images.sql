-- Address of a product's main image; NULL until it is read next.
ALTER TABLE products ADD COLUMN IF NOT EXISTS image Nullable(String) AFTER brand;
