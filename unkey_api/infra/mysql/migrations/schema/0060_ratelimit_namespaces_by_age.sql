-- Listings begin with the newest. Project and deletion are in the index so that rows that are not shown are not read.
ALTER TABLE `ratelimit_namespaces`
  ADD KEY `workspace_newest_idx` (`workspace_id`, `created_at_m` DESC, `id` DESC, `project_id`, `deleted_at_m`)
