-- Looks for instances, live and finished, the newest first: their ids, page by page. What is left
-- out (null) is not asked for. For people and their tools; gd_instances tells the rest.
--
-- fsm, status, step, queue, correlation_key, concurrency_key, parent: as in gd_instances; `status`
--             is one of these.
-- key_prefix: what the correlation key begins with.
-- state:      what the state contains (@>).
-- since, until: when they were enqueued: from the one on, and before the other.
-- before:     only smaller ids; the next page follows `next_before` of the page before.
-- most:       how many at most.
-- looks:      at how many instances it looks at most, so that a page never takes longer than that.
-- Answers ids, the newest first; next_before: where the next page begins, null: this is the
-- last one (which a page need not be that has fewer ids than `most`); looked: at how many.
--
-- Where an index leads to few (gendurable._narrowed), 100,000 at most, it looks at these only; else
-- at one after the other, from `before` down.
-- Locks:  none. Writes: nothing.
-- Plan:   as gendurable._narrowed; else the primary keys of instances, of each partition of the
--         archive and of kept, merged, as far as the page reaches.
-- Errors: GD002 a negative `most`, `looks` below 1, a status that is none.
create function public.gd_find(
    fsm text default null, status text[] default null, step text default null,
    queue text default null, correlation_key text default null, key_prefix text default null,
    concurrency_key text default null, parent bigint default null, state jsonb default null,
    since timestamptz default null, until timestamptz default null,
    before bigint default null, most int default 100, looks int default 20000)
returns table (ids bigint[], next_before bigint, looked int)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
declare
    c_most_narrowed constant int := 100000;
    v_before   bigint := coalesce(gd_find.before, 9223372036854775807);
    v_most     int := coalesce(gd_find.most, 100);
    v_looks    int := coalesce(gd_find.looks, 20000);
    v_narrowed bigint[];
    v_rows     refcursor;
    v_row      record;
    v_newest   timestamptz := timestamptz '-infinity';
begin
    if gendurable._is_open('public.gd_find(text,text[],text,text,text,text,text,bigint,'
                           'jsonb,timestamp with time zone,timestamp with time zone,bigint,int,'
                           'int)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_search(gd_find.status, v_most, v_looks);
    v_narrowed := gendurable._narrowed(gd_find.status, gd_find.correlation_key, gd_find.key_prefix,
                                       gd_find.parent, gd_find.since,
                                       least(v_looks, c_most_narrowed));
    if v_narrowed is not null then
        open v_rows for
            select x.id, x.status, x.fsm, x.step, x.queue,
                   x.correlation_key, x.concurrency_key, x.parent_id, x.state, x.enqueued_at
            from public.gd_instances as x
            where x.id = any (v_narrowed) and x.id < v_before
            order by x.id desc;
    else
        open v_rows for
            -- (Conditions stand outside, or the planner would not merge the tables by id.)
            select x.* from (
                select i.id, gendurable._status(i.phase) as status, i.fsm, i.step, i.queue,
                       i.correlation_key, i.concurrency_key, i.parent_id, i.state,
                       i.enqueued_at, true as live
                from gendurable.instances as i
                union all
                select f.id, case when f.failed then 'failed' else 'done' end, f.fsm, f.step,
                       f.queue, f.correlation_key, f.concurrency_key, f.parent_id, f.state,
                       f.enqueued_at, false
                from gendurable.archive as f
            ) as x
            where x.id < v_before
              and (gd_find.status is null
                   or x.live and gd_find.status
                                 && '{runnable,executing,awaiting_signal,awaiting_children}'
                   or not x.live and gd_find.status && '{done,failed}')
            order by x.id desc
            limit v_looks;
    end if;

    -- A loop, because it ends with whichever comes first: enough found, or enough looked at.
    ids := '{}';
    looked := 0;
    loop
        fetch v_rows into v_row;
        exit when not found;
        if cardinality(ids) = v_most then
            close v_rows;
            next_before := case when v_most > 0 then ids[v_most] else v_before end;
            return next;
            return;
        end if;
        looked := looked + 1;
        next_before := v_row.id;
        v_newest := greatest(v_newest, v_row.enqueued_at);
        if v_row.enqueued_at >= coalesce(gd_find.since, '-infinity')
           and v_row.enqueued_at < coalesce(gd_find.until, 'infinity')
           and (gd_find.status is null or v_row.status = any (gd_find.status))
           and (gd_find.fsm is null or v_row.fsm = gd_find.fsm)
           and (gd_find.step is null or v_row.step = gd_find.step)
           and (gd_find.queue is null or v_row.queue = gd_find.queue)
           and (gd_find.parent is null or v_row.parent_id = gd_find.parent)
           and (gd_find.correlation_key is null or v_row.correlation_key = gd_find.correlation_key)
           and (gd_find.concurrency_key is null or v_row.concurrency_key = gd_find.concurrency_key)
           and (gd_find.key_prefix is null
                or starts_with(v_row.correlation_key, gd_find.key_prefix))
           and (gd_find.state is null or v_row.state @> gd_find.state) then
            ids := ids || v_row.id;
        end if;
    end loop;
    close v_rows;
    -- An instance is not enqueued before it has its id. So where all that were looked at are too
    -- old, so is what has a smaller id, but for what a transaction of as long ago has left behind.
    if v_narrowed is not null or looked < v_looks or v_newest < gd_find.since then
        next_before := null;
    end if;
    return next;
end
$$;
comment on function public.gd_find(text, text[], text, text, text, text, text, bigint, jsonb,
                                   timestamptz, timestamptz, bigint, int, int)
    is 'Looks for instances, live and finished, the newest first: their ids, page by page.';
