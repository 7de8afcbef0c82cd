-- All functions, room by room: a folder is a family of the engine, with its public functions beside
-- their helpers. In each room what PostgreSQL inlines comes first, because it has to exist before
-- what uses it. They are always deployed together: a new gd_pick must never meet an old gd_commit.
--
-- Planner settings. A plan that was made while a table was small must not stay when it is large, so
-- a function that reads or writes rows of a large table pins its plans, by one of five profiles; a
-- function's settings are in force in what it calls, so each sets its own. (What needs none sets
-- only search_path. tests_pg/catalog/conventions.sql knows the profiles.)
--
--     lookup   generic plans, no sequential scan: a row, or the head of an index
--     fresh    lookup, but planned for each call: an index is used only for a value that is known
--     batch    and no hash or merge join: rows by id, one by one, whatever the statistics say
--     ordered  and no sort: the head of an index in its order, many rows
--     ranked   lookup, but hash joins and sorts wherever it is called: sets that are ranked

-- base: What every family uses: checks of arguments, errors, statuses, the version.
\ir functions/base/_list.sql
\ir functions/base/_error_code.sql
\ir functions/base/_status.sql
\ir functions/base/_too_long.sql
\ir functions/base/_too_long_problem.sql
\ir functions/base/_bigint.sql
\ir functions/base/_is_open.sql
\ir functions/base/_look_again.sql
\ir functions/base/_large_json_size.sql
\ir functions/base/_most_bytes.sql
\ir functions/base/_size_bound.sql
\ir functions/base/_json_size.sql
\ir functions/base/_listed_size.sql
\ir functions/base/_check_ids.sql
\ir functions/base/_check_name.sql
\ir functions/base/_check_page.sql
\ir functions/base/_eligible_at.sql
\ir functions/base/_field_problem.sql
\ir functions/base/_refuse.sql
\ir functions/base/_refuse_isolation.sql
\ir functions/base/_refuse_open.sql
\ir functions/base/_unknown_field.sql
\ir functions/base/gd_version.sql

-- trails: Where the ready instances of a kind begin, whatever has left since the last VACUUM.
\ir functions/trails/_ahead.sql
\ir functions/trails/_ahead_in_gap.sql
\ir functions/trails/_full_id.sql
\ir functions/trails/_run.sql
\ir functions/trails/_most_lines.sql
\ir functions/trails/_drawn.sql
\ir functions/trails/_first_in_line.sql
\ir functions/trails/_heads.sql
\ir functions/trails/_is_below_cap.sql
\ir functions/trails/_kind.sql
\ir functions/trails/_lane.sql
\ir functions/trails/_late_comers.sql
\ir functions/trails/_move_gaps.sql
\ir functions/trails/_move_lines.sql
\ir functions/trails/_move_runs.sql
\ir functions/trails/_move_trail.sql
\ir functions/trails/_move_trails.sql
\ir functions/trails/_occupied_runs.sql
\ir functions/trails/_odd_places.sql
\ir functions/trails/_open_transactions.sql
\ir functions/trails/_places.sql
\ir functions/trails/_raise_fence.sql
\ir functions/trails/_step_lane.sql
\ir functions/trails/_write_trail.sql
\ir functions/trails/_waiting_runs.sql
\ir functions/trails/_stretches.sql
\ir functions/trails/_first_wait.sql
\ir functions/trails/_filled.sql
\ir functions/trails/_move_waits.sql
\ir functions/trails/_due_priority.sql

-- partitions: One database of many: what the ids of its instances say, and how a partition moves.
\ir functions/partitions/_partition.sql
\ir functions/partitions/_own_partitions.sql
\ir functions/partitions/_holds_partition.sql
\ir functions/partitions/_change_partition.sql
\ir functions/partitions/_set_partitions.sql
\ir functions/partitions/_partitioned_id.sql
\ir functions/partitions/_new_id.sql
\ir functions/partitions/_moved.sql
\ir functions/partitions/_moved_rows.sql
\ir functions/partitions/_forget_moved.sql
\ir functions/partitions/_begin_departure.sql
\ir functions/partitions/_end_departure.sql
\ir functions/partitions/_expect_partition.sql
\ir functions/partitions/_depart.sql
\ir functions/partitions/_arrive.sql
\ir functions/partitions/_hold_partition.sql
\ir functions/partitions/gd_here.sql

-- ready: What makes an instance ready: _enter_ready before the write, its phase by _runnable,
-- _announce after it; the wake-up of parks and of what is due.
\ir functions/ready/_enter_ready.sql
\ir functions/ready/_runnable.sql
\ir functions/ready/_is_wanted.sql
\ir functions/ready/_notifies.sql
\ir functions/ready/_announce.sql
\ir functions/ready/_wake.sql
\ir functions/ready/_wake_due.sql
\ir functions/ready/_expire_awaits.sql
\ir functions/ready/gd_expire_awaits.sql

-- identity: Correlation keys: taken, resolved, kept in line with the status.
\ir functions/identity/_occupies.sql
\ir functions/identity/_resolve_key.sql
\ir functions/identity/_sync_keys.sql
\ir functions/identity/_take_key.sql
\ir functions/identity/_try_take_keys.sql

-- enqueue: Instances are created.
\ir functions/enqueue/_entry_problem.sql
\ir functions/enqueue/_birth_phases.sql
\ir functions/enqueue/_enqueue.sql
\ir functions/enqueue/_entry_kinds.sql
\ir functions/enqueue/_json_problem.sql
\ir functions/enqueue/_parse_entries.sql
\ir functions/enqueue/_take_entry_keys.sql
\ir functions/enqueue/gd_enqueue.sql
\ir functions/enqueue/gd_enqueue_many.sql

-- signals: Signals are delivered to an inbox, handed out and consumed.
\ir functions/signals/_inbox_key.sql
\ir functions/signals/_signal_problem.sql
\ir functions/signals/_signal_entry_problem.sql
\ir functions/signals/_consume.sql
\ir functions/signals/_deliver.sql
\ir functions/signals/_deliver_many.sql
\ir functions/signals/_inbox.sql
\ir functions/signals/_lock_targets.sql
\ir functions/signals/_renew_inboxes.sql
\ir functions/signals/gd_signal.sql
\ir functions/signals/gd_signal_many.sql
\ir functions/signals/gd_signals.sql

-- workers: Workers and their leases: registered, renewed, reaped; their claims are released.
\ir functions/workers/_lease.sql
\ir functions/workers/_claims.sql
\ir functions/workers/_sleeping.sql
\ir functions/workers/_check_in.sql
\ir functions/workers/_declared.sql
\ir functions/workers/_delete_workers.sql
\ir functions/workers/_executing.sql
\ir functions/workers/_forget_workers.sql
\ir functions/workers/_is_picking.sql
\ir functions/workers/_lease_until.sql
\ir functions/workers/_lock_lapsed.sql
\ir functions/workers/_lost.sql
\ir functions/workers/_mark_worker.sql
\ir functions/workers/_note_start.sql
\ir functions/workers/_refuse_worker.sql
\ir functions/workers/_release.sql
\ir functions/workers/_release_departed.sql
\ir functions/workers/_renew.sql
\ir functions/workers/_up_since.sql
\ir functions/workers/gd_heartbeat.sql
\ir functions/workers/gd_reap.sql
\ir functions/workers/gd_register.sql
\ir functions/workers/gd_release.sql
\ir functions/workers/gd_unregister.sql

-- limits: Slots of concurrency keys and tokens of rate keys: counted, offered, admitted; the
-- doorbells that announce them; the calls that set a limit.
\ir functions/limits/_limit_floors.sql
\ir functions/limits/_rung.sql
\ir functions/limits/_announced.sql
\ir functions/limits/_due_at.sql
\ir functions/limits/_due_cap.sql
\ir functions/limits/_full_at.sql
\ir functions/limits/_entered.sql
\ir functions/limits/_runs_rung.sql
\ir functions/limits/_move_bells.sql
\ir functions/limits/_move_limit_trail.sql
\ir functions/limits/_next_seq.sql
\ir functions/limits/_max_executing.sql
\ir functions/limits/_policy.sql
\ir functions/limits/_busy_floor.sql
\ir functions/limits/_capacity.sql
\ir functions/limits/_name_lock.sql
\ir functions/limits/_lock_name.sql
\ir functions/limits/_key_rows.sql
\ir functions/limits/_key_kind.sql
\ir functions/limits/_key_trail.sql
\ir functions/limits/_key_run.sql
\ir functions/limits/_key_latecomers.sql
\ir functions/limits/_late_runs.sql
\ir functions/limits/_of_trails.sql
\ir functions/limits/_of_keys.sql
\ir functions/limits/_count_of_keys.sql
\ir functions/limits/_move_key_trail.sql
\ir functions/limits/_move_key_trails.sql
\ir functions/limits/_slot_line.sql
\ir functions/limits/_startable.sql
\ir functions/limits/_tokens.sql
\ir functions/limits/_bucket.sql
\ir functions/limits/_admit_slots.sql
\ir functions/limits/_admit_tokens.sql
\ir functions/limits/_answer_doorbells.sql
\ir functions/limits/_answerable_doorbells.sql
\ir functions/limits/_check_policy_name.sql
\ir functions/limits/_clear_doorbells.sql
\ir functions/limits/_estimate_free_slots.sql
\ir functions/limits/_expand_name_doorbells.sql
\ir functions/limits/_holders_leaving.sql
\ir functions/limits/_move_busy_floors.sql
\ir functions/limits/_move_offers.sql
\ir functions/limits/_offer_slots.sql
\ir functions/limits/_offer_tokens.sql
\ir functions/limits/_ring.sql
\ir functions/limits/_ring_freed_slots.sql
\ir functions/limits/_ring_name.sql
\ir functions/limits/_ring_rates.sql
\ir functions/limits/_sweep_buckets.sql
\ir functions/limits/_sweep_busy_floors.sql
\ir functions/limits/_sweep_key_trails.sql
\ir functions/limits/_sweep_slots.sql
\ir functions/limits/_waiting_keys.sql
\ir functions/limits/_warn_of_rates.sql
\ir functions/limits/gd_drop_concurrency_limit.sql
\ir functions/limits/gd_drop_rate_limit.sql
\ir functions/limits/gd_set_concurrency_limit.sql
\ir functions/limits/gd_set_rate_limit.sql

-- queues: The limits of queues: counted, noted, set; places that become free are told.
\ir functions/queues/_is_full.sql
\ir functions/queues/_places_left.sql
\ir functions/queues/_note_holders.sql
\ir functions/queues/_announce_places.sql
\ir functions/queues/gd_set_queue_limit.sql

-- machines: What workers declare that they can run, and the version that follows from it.
\ir functions/machines/_sleepers.sql
\ir functions/machines/_machine_problem.sql
\ir functions/machines/_check_machines.sql
\ir functions/machines/_declare.sql
\ir functions/machines/_newest_version.sql
\ir functions/machines/_newest_versions.sql
\ir functions/machines/gd_declare.sql
\ir functions/machines/gd_machines.sql

-- control: What an operator does: cancel, retry, pause, resume.
\ir functions/control/_descendants.sql
\ir functions/control/_last_round.sql
\ir functions/control/_lock_descendants.sql
\ir functions/control/_cancel.sql
\ir functions/control/_lock_free.sql
\ir functions/control/_bring_back.sql
\ir functions/control/_revive.sql
\ir functions/control/gd_cancel.sql
\ir functions/control/gd_cancel_many.sql
\ir functions/control/gd_pause.sql
\ir functions/control/gd_resume.sql
\ir functions/control/gd_retry.sql
\ir functions/control/gd_retry_many.sql

-- schedules: Instances that are created at their time, by whichever pick comes first.
\ir functions/schedules/_cron_number.sql
\ir functions/schedules/_cron_field.sql
\ir functions/schedules/_parse_cron.sql
\ir functions/schedules/_checked_cron.sql
\ir functions/schedules/_checked_zone.sql
\ir functions/schedules/_instant.sql
\ir functions/schedules/_later.sql
\ir functions/schedules/_next_occurrence.sql
\ir functions/schedules/_latest_occurrence.sql
\ir functions/schedules/gd_next_occurrence.sql
\ir functions/schedules/_due_bound.sql
\ir functions/schedules/_unseen_occurrences.sql
\ir functions/schedules/_schedule_due.sql
\ir functions/schedules/_next_firing.sql
\ir functions/schedules/_missed.sql
\ir functions/schedules/_utc.sql
\ir functions/schedules/_take_free_key.sql
\ir functions/schedules/_fire.sql
\ir functions/schedules/_turn_over.sql
\ir functions/schedules/_fire_schedules.sql
\ir functions/schedules/_fire_all_schedules.sql
\ir functions/schedules/_lock_schedule.sql
\ir functions/schedules/_leave_queue.sql
\ir functions/schedules/_check_schedule.sql
\ir functions/schedules/_set_schedule.sql
\ir functions/schedules/_set_paused.sql
\ir functions/schedules/gd_schedule.sql
\ir functions/schedules/gd_declare_schedules.sql
\ir functions/schedules/gd_unschedule.sql
\ir functions/schedules/gd_pause_schedule.sql
\ir functions/schedules/gd_resume_schedule.sql

-- pick: Work is handed to a worker.
\ir functions/pick/_candidate.sql
\ir functions/pick/_place_rows.sql
\ir functions/pick/_beyond.sql
\ir functions/pick/_child_rows.sql
\ir functions/pick/_kinds.sql
\ir functions/pick/_admit.sql
\ir functions/pick/_candidates.sql
\ir functions/pick/_children.sql
\ir functions/pick/_enter_queue.sql
\ir functions/pick/_fail_too_large.sql
\ir functions/pick/_keep_offers.sql
\ir functions/pick/_mark_presented.sql
\ir functions/pick/_merged.sql
\ir functions/pick/_nearest.sql
\ir functions/pick/_weigh.sql
\ir functions/pick/_weigh_children.sql
\ir functions/pick/gd_children.sql
\ir functions/pick/gd_next_due.sql
\ir functions/pick/gd_pick.sql

-- commit: Outcomes of steps are parsed, judged and applied, one function for each kind.
\ir functions/commit/_apply_await.sql
\ir functions/commit/_apply_children.sql
\ir functions/commit/_apply_next.sql
\ir functions/commit/_apply_retry.sql
\ir functions/commit/_count_down.sql
\ir functions/commit/_create_children.sql
\ir functions/commit/_drop_barriers.sql
\ir functions/commit/_finish.sql
\ir functions/commit/_foreign_steps.sql
\ir functions/commit/_large_inboxes.sql
\ir functions/commit/_lock_parents.sql
\ir functions/commit/_parse_outcomes.sql
\ir functions/commit/_put_back.sql
\ir functions/commit/_text_problem.sql
\ir functions/commit/_unapplied.sql
\ir functions/commit/gd_commit.sql

-- joins: Rounds of children that are over before their last child.
\ir functions/joins/_dismiss.sql
\ir functions/joins/_dismiss_rest.sql

-- archive: The archive and its partitions; what is forgotten, and the maintenance that does it.
\ir functions/archive/_lock_maintenance.sql
\ir functions/archive/_await_maintenance.sql
\ir functions/archive/_archive_tables.sql
\ir functions/archive/_archived.sql
\ir functions/archive/_collect.sql
\ir functions/archive/_create_partitions.sql
\ir functions/archive/_cutoffs.sql
\ir functions/archive/_drop_partitions.sql
\ir functions/archive/_lock_partition.sql
\ir functions/archive/_needs_children.sql
\ir functions/archive/_note_progress.sql
\ir functions/archive/_old_partitions.sql
\ir functions/archive/_partition_name.sql
\ir functions/archive/_partition_start.sql
\ir functions/archive/_read_progress.sql
\ir functions/archive/_renew_statistics.sql
\ir functions/archive/_sift.sql
\ir functions/archive/_truncate.sql
\ir functions/archive/_window_length.sql
\ir functions/archive/_windows.sql
\ir functions/archive/gd_gc.sql
\ir functions/archive/gd_maintain.sql
\ir functions/archive/gd_set_retention.sql

-- history: What has happened to instances: noted before it is done, read, and forgotten.
\ir functions/history/_is_noted.sql
\ir functions/history/_levels.sql
\ir functions/history/_note_expired.sql
\ir functions/history/_note_lost.sql
\ir functions/history/_note_outcomes.sql
\ir functions/history/_note_revived.sql
\ir functions/history/_sift_history.sql
\ir functions/history/_collect_history.sql
\ir functions/history/gd_history.sql
\ir functions/history/gd_set_history.sql

-- watch: Who asked for it is told of the next park, or the end, of an instance.
\ir functions/watch/_tell_watchers.sql
\ir functions/watch/gd_watch.sql

-- reports: What workers say of their steps: how far they are, how many there were.
\ir functions/reports/_report_problem.sql
\ir functions/reports/_forget_reports.sql
\ir functions/reports/_sift_reports.sql
\ir functions/reports/_compact_throughput.sql
\ir functions/reports/gd_report.sql

-- look: What only looks: the status of an instance, why it does not run, searches, and what the
-- views count.
\ir functions/look/_depths.sql
\ir functions/look/_estimates.sql
\ir functions/look/_foreign_kinds.sql
\ir functions/look/_most_counted.sql
\ir functions/look/_oldest_ready.sql
\ir functions/look/_runnable_queues.sql
\ir functions/look/_stuck.sql
\ir functions/look/_suspects.sql
\ir functions/look/_usage.sql
\ir functions/look/gd_status.sql
\ir functions/look/gd_stuck.sql
\ir functions/look/gd_tree.sql
\ir functions/look/gd_horizon.sql
\ir functions/look/gd_lines.sql
\ir functions/look/_check_search.sql
\ir functions/look/_with_prefix.sql
\ir functions/look/_narrowed.sql
\ir functions/look/gd_find.sql
\ir functions/look/_clock.sql
\ir functions/look/_error_line.sql
\ir functions/look/_why_claimed.sql
\ir functions/look/_why_parked.sql
\ir functions/look/_why_limited.sql
\ir functions/look/_why_locked.sql
\ir functions/look/_ready_before.sql
\ir functions/look/_why_runnable.sql
\ir functions/look/gd_why.sql

-- doctor: Whether the engine has what it needs.
\ir functions/doctor/_examine_access.sql
\ir functions/doctor/_examine_horizon.sql
\ir functions/doctor/_examine_tables.sql
\ir functions/doctor/_examine_archive.sql
\ir functions/doctor/_examine_work.sql
\ir functions/doctor/gd_doctor.sql

-- testing: For tests of applications: time goes by, and everything is forgotten.
\ir functions/testing/_advance.sql
\ir functions/testing/_flush.sql
