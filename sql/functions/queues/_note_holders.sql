-- Notes which instances execute of a queue with a limit.
--
-- Locks:  the caller holds the queue's places. Writes: holders.
-- Plan:   holders_pkey, the newest entry; queues_pkey.
create function gendurable._note_holders(p_queue text, p_ids bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_seq bigint := (select h.seq from gendurable.holders as h
                     where h.queue = p_queue
                     order by h.queue desc, h.seq desc
                     limit 1);
begin
    delete from gendurable.holders as h where h.queue = p_queue and h.seq = v_seq;
    insert into gendurable.holders (queue, seq, limit_id, ids)
    select q.name, coalesce(v_seq + 1, 1), q.limit_id, p_ids
    from gendurable.queues as q
    where q.name = p_queue;
end
$$;
comment on function gendurable._note_holders(text, bigint[])
    is 'Notes which instances execute of a queue with a limit.';
