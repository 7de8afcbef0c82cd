-- The lane of an instance that this transaction makes ready: the line of its kind, or its run where
-- its place is, or may be, below the cap of its line. One that is to wait for a moment stands in
-- its run too (gendurable.waits).
--
-- In most calls the fence alone says so. A transaction with an old snapshot does not see the newest
-- caps, but the fence, which is none the lower.
-- An old transaction may hand a slot or tokens to an instance that was enqueued after it had begun.
-- In a line such an instance could appear where gendurable._late_comers does not expect one.
create function gendurable._lane(p_kind int, p_priority int, p_eligible_at timestamptz, p_id bigint,
                                 p_in gendurable.entrance)
returns bigint
language sql volatile
return p_kind::bigint << 40
       | case when p_eligible_at > (p_in).since then (p_in).run
              when p_eligible_at > (p_in).fence then 0
              when not (p_in).current
                   or gendurable._is_below_cap(p_kind, p_priority, p_eligible_at, p_id)
                  then (p_in).run
              else 0 end;
comment on function gendurable._lane(int, int, timestamptz, bigint, gendurable.entrance)
    is 'The lane of an instance that this transaction makes ready.';
