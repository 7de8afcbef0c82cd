-- Everything that some workers hold, present or forgotten. It is inlined.
--
-- Locks: none. Writes: nothing.
-- Plan:  leases_pkey, and for one that was forgotten departed_pkey; instances_claims from there on,
--        of each worker. `offset 0` keeps each look-up a look-up.
create function gendurable._claims(p_workers bigint[]) returns table (worker_id bigint, id bigint)
language sql stable
begin atomic
    select w.id, i.id
    from unnest(p_workers) as w (id)
    cross join lateral (
        select coalesce((select l.claims_since from gendurable._lease(w.id) as l),
                        (select d.claims_since from gendurable.departed as d
                         where d.worker_id = w.id),
                        '-infinity') as since
        offset 0
    ) as b
    cross join lateral (
        select c.id from gendurable.instances as c
        where c.worker_id = w.id and c.claimed_at >= b.since
        offset 0
    ) as i;
end;
comment on function gendurable._claims(bigint[]) is 'Everything that some workers hold.';
