-- Ends the pause of a queue. Not paused is no error.
--
-- Locks:  the queue's row. Writes: queues, doorbells.
-- Errors: GD001 queue missing; GD002 a queue that is too long.
create function public.gd_resume(queue text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_resume(text)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_name('queue', gd_resume.queue);
    update gendurable.queues as q set paused = false where q.name = gd_resume.queue;
    delete from gendurable.queues as q
    where q.name = gd_resume.queue and q.max_executing is null;
    perform gendurable._announce(array[gd_resume.queue]);
    perform gendurable._ring_rates();
end
$$;
comment on function public.gd_resume(text) is 'Ends the pause of a queue.';
