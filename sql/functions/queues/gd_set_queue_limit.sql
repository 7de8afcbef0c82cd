-- Sets how many instances of a queue may execute at once, cluster-wide; 0 stops the queue, null is
-- no limit. It applies to the next pick; what executes is counted whatever the limit was when it
-- started.
--
-- limit change x pick: this waits for the picks and run-aheads that are in flight, as gd_pause
-- does; those that come meanwhile hand nothing out. So no pick counts against the old limit, or
-- claims without counting, once this has returned.
-- Locks:  the queue (advisory, exclusive until the transaction ends).
-- Writes: queues, doorbells. Plan: queues_pkey.
-- Errors: GD001 queue missing; GD002 a queue that is too long, a negative limit.
create function public.gd_set_queue_limit(queue text, max_executing int) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_set_queue_limit(text,int)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_name('queue', gd_set_queue_limit.queue);
    if gd_set_queue_limit.max_executing < 0 then
        perform gendurable._refuse(
            'GD002', format('max_executing is %s', gd_set_queue_limit.max_executing),
            'Zero or more; zero stops, null is no limit.');
    end if;
    perform pg_advisory_xact_lock(26469, hashtext(gd_set_queue_limit.queue));
    if gd_set_queue_limit.max_executing is null then
        update gendurable.queues as q set max_executing = null, limit_id = null
        where q.name = gd_set_queue_limit.queue;
        delete from gendurable.queues as q
        where q.name = gd_set_queue_limit.queue and not q.paused;
    else
        insert into gendurable.queues as q (name, max_executing, limit_id)
        values (gd_set_queue_limit.queue, gd_set_queue_limit.max_executing, gen_random_uuid())
        on conflict (name) do update
        set max_executing = excluded.max_executing, limit_id = excluded.limit_id;
    end if;
    perform gendurable._announce(array[gd_set_queue_limit.queue]);
    perform gendurable._ring_rates();
end
$$;
comment on function public.gd_set_queue_limit(text, int)
    is 'Sets how many instances of a queue may execute at once.';
