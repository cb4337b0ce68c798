-- What reports count, told once when an order is loaded, as plain numbers: nullable decimals and texts of each line took most of a report's time.
ALTER TABLE orders
    -- README, "What is a sale": 1 a sale, 2 waits for payment, 3 cancelled, 4 returned, 0 not known
    ADD COLUMN IF NOT EXISTS standing UInt8 MATERIALIZED multiIf(isNull(status_slug), 0, status_slug = 'canceled', 3,
        status_slug IN ('restored', 'restoring'), 4, status_slug = 'payment_pending' OR ifNull(is_pending_payment, false), 2, 1),
    -- the first eight bytes of the currency, which has three: a number is faster to group by
    ADD COLUMN IF NOT EXISTS currency_key UInt64 MATERIALIZED reinterpretAsUInt64(toString(ifNull(currency, ''))),
    -- of each line its product, or below 0 a hash of its SKU, else of its name; one line with the least number where the lines have not come
    ADD COLUMN IF NOT EXISTS sold_key Array(Int64) MATERIALIZED if(lines_complete = 1,
        arrayMap((product, sku, name) -> if(isNotNull(product), assumeNotNull(product), -1 - toInt64(bitShiftRight(cityHash64(ifNull(sku, ifNull(name, ''))), 2))),
            lines_product_id, lines_sku, lines_name),
        [toInt64('-9223372036854775808')]),
    -- of each line whether it is the first of its product
    ADD COLUMN IF NOT EXISTS sold_first Array(UInt8) MATERIALIZED arrayMap(nth -> nth = 1, arrayEnumerateUniq(sold_key)),
    -- of each line its units, ten-thousandths
    ADD COLUMN IF NOT EXISTS sold_units Array(Int64) MATERIALIZED if(lines_complete = 1,
        arrayMap(units -> reinterpretAsInt64(ifNull(units, toDecimal64(0, 4))), lines_quantity), [toInt64(0)]),
    -- of each line what it was sold for, ten-thousandths; where Salla does not say, its units at their price, within an Int64
    ADD COLUMN IF NOT EXISTS sold_for Array(Int64) MATERIALIZED if(lines_complete = 1,
        arrayMap((total, price, units) -> if(isNotNull(total), reinterpretAsInt64(assumeNotNull(total)), toInt64(greatest(least(intDiv(
                toInt128(reinterpretAsInt64(ifNull(price, toDecimal64(0, 4)))) * toInt128(reinterpretAsInt64(ifNull(units, toDecimal64(0, 4)))), 10000),
                toInt128(9000000000000000000)), toInt128(-9000000000000000000)))),
            lines_total, lines_unit_price, lines_quantity),
        [toInt64(0)]);
