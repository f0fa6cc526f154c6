-- The keys of a keyspace in ascending order of id, starting with the cursor itself, disabled and expired ones included,
-- root keys left out, for they have operations of their own,
-- each with everything that is shown of it. With an external id, only the keys of that live identity; of nobody, none.
-- The page is cut first, so that the details are gathered for its keys only. The indexes are named, because servers
-- take the keyspace alone for as selective as keyspace and cursor together, and would read all keys before the cursor.
SELECT
    k.id,
    k.hash,
    k.start,
    k.name,
    k.workspace_id,
    k.for_workspace_id,
    k.meta,
    k.expires,
    k.enabled,
    k.remaining_requests,
    k.refill_day,
    k.refill_amount,
    ek.encrypted,
    k.created_at_m AS created_at,
    k.updated_at_m AS updated_at,
    k.last_used_at,
    i.id AS identity_id,
    i.external_id,
    i.meta AS identity_meta,
    (
        SELECT JSON_ARRAYAGG(p.slug)
        FROM keys_permissions kp
        JOIN permissions p ON p.id = kp.permission_id
        WHERE kp.key_id = k.id
    ) AS direct_permissions,
    (
        SELECT JSON_ARRAYAGG(p.slug)
        FROM keys_roles kr
        JOIN roles_permissions rp ON rp.role_id = kr.role_id
        JOIN permissions p ON p.id = rp.permission_id
        WHERE kr.key_id = k.id
    ) AS role_permissions,
    (
        SELECT JSON_ARRAYAGG(r.name) FROM keys_roles kr JOIN roles r ON r.id = kr.role_id WHERE kr.key_id = k.id
    ) AS role_names,
    (
        SELECT JSON_ARRAYAGG(JSON_ARRAY(l.id, l.name, l.`limit`, l.duration, l.auto_apply))
        FROM ratelimits l
        WHERE l.key_id = k.id
    ) AS key_limits,
    (
        SELECT JSON_ARRAYAGG(JSON_ARRAY(l.id, l.name, l.`limit`, l.duration, l.auto_apply))
        FROM ratelimits l
        WHERE l.identity_id = i.id
    ) AS identity_limits
FROM (
    SELECT listed.id
    FROM `keys` listed FORCE INDEX (key_auth_id_deleted_at_idx, identity_id_idx)
    JOIN key_auth ka ON ka.id = listed.key_auth_id AND ka.deleted_at_m IS NULL
    WHERE listed.key_auth_id = %(keyspace_id)s
        AND listed.workspace_id = %(workspace_id)s
        AND listed.deleted_at_m IS NULL
        AND listed.for_workspace_id IS NULL
        AND listed.id >= %(cursor)s
        AND (
            %(external_id)s IS NULL
            OR listed.identity_id = (
                SELECT owner.id
                FROM identities owner
                WHERE owner.workspace_id = %(workspace_id)s
                    AND owner.external_id = %(external_id)s
                    AND owner.deleted = 0
            )
        )
    ORDER BY listed.id
    LIMIT %(limit)s
) page
JOIN `keys` k ON k.id = page.id
LEFT JOIN encrypted_keys ek ON ek.key_id = k.id
LEFT JOIN identities i ON i.id = k.identity_id AND i.deleted = 0
ORDER BY k.id
