-- Changes the columns whose `set_…` is true and stamps the key. Affects no row when the key was deleted meanwhile.
UPDATE `keys` SET
  name = IF(%(set_name)s, %(name)s, name),
  identity_id = IF(%(set_identity_id)s, %(identity_id)s, identity_id),
  meta = IF(%(set_meta)s, %(meta)s, meta),
  expires = IF(%(set_expires)s, %(expires)s, expires),
  enabled = IF(%(set_enabled)s, %(enabled)s, enabled),
  remaining_requests = IF(%(set_remaining)s, %(remaining)s, remaining_requests),
  refill_day = IF(%(set_refill)s, %(refill_day)s, refill_day),
  refill_amount = IF(%(set_refill)s, %(refill_amount)s, refill_amount),
  updated_at_m = %(now)s
WHERE id = %(id)s AND workspace_id = %(workspace_id)s AND deleted_at_m IS NULL
