-- Sets the balance, and drops the refill when asked to. The row is locked by the caller.
UPDATE `keys` SET
  remaining_requests = %(remaining)s,
  refill_day = IF(%(drop_refill)s, NULL, refill_day),
  refill_amount = IF(%(drop_refill)s, NULL, refill_amount)
WHERE id = %(id)s AND workspace_id = %(workspace_id)s
