-- The ids among which all instances of a search are, where an index leads to them and they are at
-- most p_most; null: it has to look at one after the other.
--
-- A correlation key leads to all that ever carried it, a parent to its children, the beginning of a
-- key to what carried such a key, statuses to what stands in them (never to what is done). Further
-- conditions are up to the caller.
-- Locks: none. Writes: nothing.
-- Plan:  correlation_keys_pkey, instances_scoped_key, finished_key, kept_key; instances_parent,
--        finished_parent, kept_parent; as gendurable._with_prefix; instances_claims,
--        instances_waiting, instances_ready kind by kind, finished_failed, kept_failed: p_most + 1
--        entries of each.
create function gendurable._narrowed(
    p_statuses text[], p_key text, p_prefix text, p_parent bigint, p_since timestamptz, p_most int)
returns bigint[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_ids bigint[];
begin
    if p_key is not null then
        v_ids := array(
            select k.instance_id from gendurable.correlation_keys as k where k.key = p_key
            union
            select i.id from gendurable.instances as i
            where i.correlation_scope is not null and i.correlation_key = p_key
            union
            (select f.id from gendurable.archive as f
             where f.correlation_key = p_key
             limit p_most + 1));
    elsif p_parent is not null then
        v_ids := array(
            (select i.id from gendurable.instances as i
             where i.parent_id = p_parent limit p_most + 1)
            union
            (select f.id from gendurable.archive as f
             where f.parent_id = p_parent limit p_most + 1));
    elsif p_prefix <> '' then
        v_ids := gendurable._with_prefix(p_prefix, p_most);
    end if;
    if v_ids is null and p_statuses <> '{}' and not 'done' = any (p_statuses) then
        v_ids := array(
            (select i.id from gendurable.instances as i
             where 'executing' = any (p_statuses) and i.worker_id is not null
             limit p_most + 1)
            union all
            (select i.id from gendurable.instances as i
             where (i.phase not in ('ready', 'executing')) is true
               and i.phase = any (array(
                       select p.phase
                       from unnest(enum_range(null::gendurable.phase)) as p (phase)
                       where gendurable._status(p.phase) = any (p_statuses)))
             limit p_most + 1)
            union all
            (select i.id
             from gendurable.kinds as k
             cross join lateral (
                 select r.id from gendurable.instances as r
                 where r.phase = 'ready'
                   and r.lane >= k.id::bigint << 40 and r.lane < (k.id + 1)::bigint << 40
                 limit p_most + 1
             ) as i
             where 'runnable' = any (p_statuses)
             limit p_most + 1)
            union all
            -- What has failed since was not created earlier, but what was created since has not
            -- failed earlier either.
            (select f.id from gendurable.archive as f
             where 'failed' = any (p_statuses)
               and case when f.failed then 'failed' else 'done' end = 'failed'
               and f.finished_at >= coalesce(p_since, '-infinity')
             limit p_most + 1));
    end if;
    return case when cardinality(v_ids) <= p_most then v_ids end;
end
$$;
comment on function gendurable._narrowed(text[], text, text, bigint, timestamptz, int)
    is 'The ids among which all instances of a search are, where an index leads to them.';
