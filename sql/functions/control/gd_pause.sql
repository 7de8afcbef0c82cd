-- Pauses a queue: once this has returned, and until gd_resume, nothing of it is handed out.
-- What runs finishes.
--
-- Locks:  the queue (advisory, exclusive until the transaction ends), waiting for picks and
--         run-aheads that are in flight.
-- Writes: queues, doorbells.
-- Errors: GD001 queue missing; GD002 a queue that is too long.
create function public.gd_pause(queue text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_pause(text)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_name('queue', gd_pause.queue);
    perform pg_advisory_xact_lock(26469, hashtext(gd_pause.queue));
    insert into gendurable.queues as q (name, paused) values (gd_pause.queue, true)
    on conflict (name) do update set paused = true;
    perform gendurable._ring_rates();
end
$$;
comment on function public.gd_pause(text) is 'Pauses a queue: nothing more is handed out.';
